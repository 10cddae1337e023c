#include <oneapi/tbb/task_arena.h>

#include <adapipe/concurrency.hpp>
#include <adapipe/error.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "graph/runtime_impl.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// A job on the stack of this thread, as long as it lives.
class RunningJob {
 public:
  explicit RunningJob(const void* pool) noexcept
      : pool_(pool), outer_(std::exchange(innermost_, this)) {}
  ~RunningJob() { innermost_ = outer_; }
  RunningJob(const RunningJob&) = delete;

  /// Whether this thread is within a job of `pool`.
  static bool is_one_of(const void* pool) noexcept {
    const RunningJob* job = innermost_;
    while (job && job->pool_ != pool) job = job->outer_;
    return job != nullptr;
  }

 private:
  static thread_local const RunningJob* innermost_;
  const void* const pool_;
  const RunningJob* const outer_;
};

thread_local const RunningJob* RunningJob::innermost_ = nullptr;

}  // namespace

/// Invariants: at most max_workers jobs run, counted from their first step to their last; while
/// jobs wait and one more could run, a task in the arena is on its way to take one. The Runtime is
/// touched only while a job waits or runs, which the pool, and with it the Runtime, outlives: a
/// task that comes too late finds nothing to do.
struct WorkerPool::State : std::enable_shared_from_this<WorkerPool::State> {
  State(std::size_t most, RuntimeImpl& its_runtime) : max_workers(most), runtime(its_runtime) {}

  /// On a thread that is none of the Runtime's workers.
  void add(Job job);
  /// On one that is.
  void run_here(Job job);
  void finish();

  bool runs_jobs_itself() const noexcept {
    return runtime.is_serial() || runtime.workers().runs_on_this_thread();
  }
  void wait_for_a_place(std::unique_lock<std::mutex>& lock) {
    changed.wait(lock, [this] { return running < max_workers; });
  }

  /// Those with a lock are called with it held, and return with it held.
  void run(Job job, std::unique_lock<std::mutex>& lock) noexcept;
  void run_first(std::unique_lock<std::mutex>& lock) noexcept;
  /// As long as no worker can be called for the jobs that wait.
  void run_rest(std::unique_lock<std::mutex>& lock) noexcept;
  /// Sees to it that the jobs that wait will be run; false if there is no memory for that.
  bool call_worker() noexcept;
  /// What a worker does that was called.
  void work() noexcept;

  const std::size_t max_workers;
  RuntimeImpl& runtime;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> waiting;
  std::size_t running = 0;
  std::size_t called = 0;  ///< tasks in the arena that have not begun
};

void WorkerPool::State::add(Job job) {
  const std::lock_guard lock(mutex);
  waiting.push_back(std::move(job));
  if (call_worker()) return;
  waiting.pop_back();
  throw Error(errc::resource_exhausted, "there is no memory to call a worker");
}

void WorkerPool::State::run_here(Job job) {
  if (RunningJob::is_one_of(this)) return job();
  std::unique_lock lock(mutex);
  wait_for_a_place(lock);
  run(std::move(job), lock);
  run_rest(lock);
}

void WorkerPool::State::finish() {
  std::unique_lock lock(mutex);
  while (!waiting.empty() && runs_jobs_itself()) {
    wait_for_a_place(lock);
    if (!waiting.empty()) run_first(lock);
  }
  changed.wait(lock, [this] { return waiting.empty() && running == 0; });
}

void WorkerPool::State::run(Job job, std::unique_lock<std::mutex>& lock) noexcept {
  ++running;
  lock.unlock();
  {
    const RunningJob on_this_stack(this);
    // A job that waits for parallel work of its own picks up no other job meanwhile.
    if (runtime.is_serial())
      job();
    else
      oneapi::tbb::this_task_arena::isolate([&job] { job(); });
    job = Job();
  }
  lock.lock();
  --running;
  changed.notify_all();
}

void WorkerPool::State::run_first(std::unique_lock<std::mutex>& lock) noexcept {
  Job job = std::move(waiting.front());
  waiting.pop_front();
  run(std::move(job), lock);
}

void WorkerPool::State::run_rest(std::unique_lock<std::mutex>& lock) noexcept {
  while (!call_worker()) run_first(lock);
}

bool WorkerPool::State::call_worker() noexcept {
  if (waiting.empty() || running + called >= max_workers) return true;
  try {
    runtime.workers().enqueue([self = shared_from_this()] { self->work(); });
    ++called;
    return true;
  } catch (...) {
    return running + called > 0;  // they go on with the next one
  }
}

void WorkerPool::State::work() noexcept {
  std::unique_lock lock(mutex);
  --called;
  if (waiting.empty() || running == max_workers) return;  // whoever runs goes on with the next one
  run_first(lock);
  run_rest(lock);
}

WorkerPool::WorkerPool(std::size_t max_workers, Runtime runtime) : runtime_(std::move(runtime)) {
  if (max_workers == 0) throw Error(errc::invalid_argument, "a WorkerPool needs a worker");
  state_ = std::make_shared<State>(max_workers, runtime_.impl());
}

WorkerPool::~WorkerPool() {
  if (runtime_.impl().is_forked_copy())
    // Nobody runs what waits here, and what others wait for cannot be destroyed.
    (void)std::make_unique<std::shared_ptr<State>>(std::move(state_)).release();
  else
    state_->finish();
}

std::size_t WorkerPool::max_workers() const noexcept { return state_->max_workers; }

void WorkerPool::run(Job job) {
  runtime_.impl().check_not_forked();
  if (state_->runs_jobs_itself())
    state_->run_here(std::move(job));
  else
    state_->add(std::move(job));
}

}  // namespace adapipe::inline v0_1
