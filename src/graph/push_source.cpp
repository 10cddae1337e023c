#include "graph/push_source.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <cstring>
#include <utility>

namespace adapipe::inline v0_1 {

std::size_t PushChannel::take(std::span<const std::byte> bytes) {
  const std::size_t taken = std::min(bytes.size(), room_.size());
  if (taken == 0) return 0;
  std::memcpy(room_.data(), bytes.data(), taken);
  room_ = room_.subspan(taken);
  filled_bytes_ += taken;
  if (room_.empty()) readable_.notify_one();
  return taken;
}

bool PushChannel::write(std::span<const std::byte> bytes) {
  std::unique_lock lock(mutex_);
  while (!bytes.empty() && !closed_) {
    bytes = bytes.subspan(take(bytes));
    if (!bytes.empty())
      writable_.wait(lock, workers_, [this] { return !room_.empty() || closed_; });
  }
  return !closed_;
}

std::size_t PushChannel::try_write(std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  return take(bytes);
}

void PushChannel::start_write(std::span<const std::byte> bytes, std::function<void()> taken) {
  Continuations when_taken = continuations_->prepare(std::move(taken));
  {
    const std::lock_guard lock(mutex_);
    pending_ = bytes.subspan(take(bytes));
    if (!pending_.empty() && !closed_) {
      when_taken_ = std::move(when_taken);
      return;
    }
  }
  continuations_->run(std::move(when_taken));
}

bool PushChannel::is_writing() const {
  const std::lock_guard lock(mutex_);
  return !when_taken_.empty();
}

void PushChannel::put_chunk(std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  pending_ = bytes;
  chunk_ended_ = true;
}

void PushChannel::end_chunk() {
  const std::lock_guard lock(mutex_);
  if (filled_bytes_ == 0) return;
  chunk_ended_ = true;
  readable_.notify_one();
}

void PushChannel::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  readable_.notify_one();
}

bool PushChannel::run_inside(const std::function<void()>& action) {
  std::unique_lock lock(mutex_);
  action_ = &action;
  readable_.notify_one();
  writable_.wait(lock, workers_, [this] { return !action_ || (closed_ && !acting_); });
  action_ = nullptr;
  return !closed_;
}

std::size_t PushChannel::read(std::span<std::byte> to) {
  std::unique_lock lock(mutex_);
  room_ = to;
  try {
    while (!closed_) {
      take_pending(lock);
      if (room_.empty() || chunk_ended_ || ended_) return leave_chunk();
      if (action_) {
        run_action(lock);
        continue;
      }
      writable_.notify_all();
      readable_.wait(
          lock, [this] { return closed_ || room_.empty() || chunk_ended_ || ended_ || action_; });
    }
    throw Error(errc::cancelled, "the writer was cancelled");
  } catch (...) {
    leave_chunk();
    throw;
  }
}

std::size_t PushChannel::leave_chunk() noexcept {
  room_ = {};
  chunk_ended_ = false;
  return std::exchange(filled_bytes_, 0);
}

void PushChannel::take_pending(std::unique_lock<std::mutex>& lock) {
  if (pending_.empty()) return;
  pending_ = pending_.subspan(take(pending_));
  if (!pending_.empty() || when_taken_.empty()) return;
  Continuations when_taken = std::move(when_taken_);
  lock.unlock();
  continuations_->run(std::move(when_taken));
  lock.lock();
}

void PushChannel::run_action(std::unique_lock<std::mutex>& lock) {
  const auto over = [this] {
    action_ = nullptr;
    acting_ = false;
    writable_.notify_all();
  };
  acting_ = true;
  lock.unlock();
  try {
    (*action_)();
  } catch (...) {
    lock.lock();
    closed_ = true;  // before the writer looks: the operation is about to fail
    over();
    throw;
  }
  lock.lock();
  over();
}

void PushChannel::close() noexcept {
  Continuations when_taken;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    when_taken = std::move(when_taken_);
    readable_.notify_one();
    writable_.notify_all();
  }
  if (!when_taken.empty()) continuations_->run(std::move(when_taken));
}

}  // namespace adapipe::inline v0_1
