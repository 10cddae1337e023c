#include "io/executor.hpp"

#include <adapipe/error.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <mutex>
#include <string>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

constexpr std::chrono::seconds kIdleTime{5};

using Threads = std::list<OwnThread>;

thread_local const void* this_threads_executor = nullptr;

void join_all(Threads threads) {
  for (OwnThread& thread : threads) thread.join();
}

}  // namespace

struct IoExecutor::State : std::enable_shared_from_this<IoExecutor::State> {
  void add_thread();
  void run(Threads::iterator self);
  void leave(Threads::iterator self, std::unique_lock<std::mutex> lock);

  std::size_t max_threads = 1;
  ThreadOptions options;
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable left_one;
  std::deque<std::function<void()>> jobs;
  Threads threads;
  Threads left;          ///< on their last steps, to be joined
  std::size_t idle = 0;  ///< threads that run no job, those just made included
  bool is_ending = false;
};

void IoExecutor::State::add_thread() {
  const auto self = threads.emplace(threads.end());
  try {
    *self = OwnThread(options, "-io", [state = shared_from_this(), self] { state->run(self); });
  } catch (...) {
    threads.erase(self);
    throw;
  }
  ++idle;
}

void IoExecutor::State::run(Threads::iterator self) {
  this_threads_executor = this;
  std::unique_lock lock(mutex);
  for (;;) {
    work.wait_for(lock, kIdleTime, [this] { return is_ending || !jobs.empty(); });
    --idle;
    if (jobs.empty()) return leave(self, std::move(lock));
    std::function<void()> job = std::move(jobs.front());
    jobs.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it holds goes before the thread counts as idle
    lock.lock();
    ++idle;
  }
}

void IoExecutor::State::leave(Threads::iterator self, std::unique_lock<std::mutex> lock) {
  Threads before = std::exchange(left, {});
  left.splice(left.end(), threads, self);
  left_one.notify_all();
  lock.unlock();
  join_all(std::move(before));
}

IoExecutor::IoExecutor(std::size_t max_threads, ThreadOptions options)
    : state_(std::make_shared<State>()) {
  state_->max_threads = max_threads > 0 ? max_threads : 1;
  state_->options = std::move(options);
}

IoExecutor::~IoExecutor() {
  std::unique_lock lock(state_->mutex);
  state_->is_ending = true;
  state_->work.notify_all();
  state_->left_one.wait(lock, [this] { return state_->threads.empty(); });
  Threads left = std::exchange(state_->left, {});
  lock.unlock();
  join_all(std::move(left));
}

void IoExecutor::submit(std::function<void()> job) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  state.jobs.push_back(std::move(job));
  if (state.jobs.size() <= state.idle) {
    state.work.notify_one();
  } else if (state.threads.size() < state.max_threads) {
    try {
      state.add_thread();
    } catch (const std::exception& error) {
      if (!state.threads.empty()) return;  // one of them will run it
      state.jobs.pop_back();
      throw Error(errc::resource_exhausted, std::string("cannot make a thread: ") + error.what());
    }
  }
}

void IoExecutor::allow_one_more() noexcept {
  const std::lock_guard lock(state_->mutex);
  ++state_->max_threads;
}

void IoExecutor::allow_one_less() noexcept {
  const std::lock_guard lock(state_->mutex);
  --state_->max_threads;
}

bool IoExecutor::runs_on_this_thread() const noexcept {
  return this_threads_executor == state_.get();
}

IoExecutor::Load IoExecutor::load() const {
  const std::lock_guard lock(state_->mutex);
  return {.threads = state_->threads.size(),
          .busy = state_->threads.size() - state_->idle,
          .waiting = state_->jobs.size()};
}

struct Strand::State {
  explicit State(IoExecutor& its_executor) : executor(its_executor) {}
  void drain();

  IoExecutor& executor;
  std::mutex mutex;
  std::deque<std::function<void()>> jobs;
  bool is_running = false;  ///< a job of the executor drains jobs, or is about to
};

void Strand::State::drain() {
  std::unique_lock lock(mutex);
  while (!jobs.empty()) {
    std::function<void()> job = std::move(jobs.front());
    jobs.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
  is_running = false;
}

Strand::Strand(IoExecutor& executor) : state_(std::make_shared<State>(executor)) {}

Strand::~Strand() = default;

void Strand::post(std::function<void()> job) {
  // Kept locked, so that nobody relies on a drain that submit() then refuses to start.
  const std::lock_guard lock(state_->mutex);
  state_->jobs.push_back(std::move(job));
  if (state_->is_running) return;
  try {
    state_->executor.submit([state = state_] { state->drain(); });
  } catch (...) {
    state_->jobs.pop_back();
    throw;
  }
  state_->is_running = true;
}

}  // namespace adapipe::inline v0_1
