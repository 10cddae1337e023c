#include "graph/continuation_runner.hpp"

#include <adapipe/error.hpp>
#include <exception>
#include <string>
#include <utility>

namespace adapipe::inline v0_1 {

ContinuationRunner::ContinuationRunner(Post post, ThreadOptions options)
    : post_(std::move(post)), options_(std::move(options)) {}

Continuations ContinuationRunner::prepare(std::function<void()> continuation) {
  Continuations one;
  if (post_) {  // which gets a copy
    const auto kept = std::make_shared<std::function<void()>>(std::move(continuation));
    one.emplace_back([kept] { std::exchange(*kept, nullptr)(); });
    return one;
  }
  one.push_back(std::move(continuation));
  const std::lock_guard lock(mutex_);
  make_thread();
  return one;
}

void ContinuationRunner::make_thread() {
  if (closed_ || thread_.joinable()) return;
  try {
    thread_ = OwnThread(options_, "-then", [self = shared_from_this()] { self->run_all(); });
  } catch (const std::exception& error) {
    throw Error(errc::resource_exhausted, std::string("cannot make a thread: ") + error.what());
  }
}

void ContinuationRunner::run(Continuations continuations) noexcept {
  continuations.remove_if([this](const auto& continuation) { return posted(continuation); });
  if (continuations.empty() || queue(continuations)) return;
  for (const std::function<void()>& continuation : continuations) continuation();
}

bool ContinuationRunner::posted(const std::function<void()>& continuation) noexcept {
  if (!post_) return false;
  try {
    post_(continuation);
    return true;
  } catch (...) {
    return false;
  }
}

bool ContinuationRunner::queue(Continuations& continuations) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  try {
    make_thread();
  } catch (...) {
    return false;
  }
  waiting_.splice(waiting_.end(), continuations);
  changed_.notify_all();
  return true;
}

void ContinuationRunner::run_all() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Continuations next;
    next.splice(next.end(), waiting_, waiting_.begin());
    lock.unlock();
    next.front()();
    next.clear();
    lock.lock();
  }
}

void ContinuationRunner::close() noexcept {
  OwnThread ending;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    ending = std::move(thread_);
  }
  if (!ending.joinable()) return;
  if (ending.is_this_thread())
    ending.detach();
  else
    ending.join();
}

}  // namespace adapipe::inline v0_1
