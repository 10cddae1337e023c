#pragma once

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "util/thread.hpp"

namespace adapipe::inline v0_1 {

/// oneTBB (2021.8) counts a task before there is memory for it, and for ever if there is none: what
/// waits for the group would never end.
class Session : public oneapi::tbb::task_group {
 public:
  template <typename Task>
  oneapi::tbb::task_handle defer(Task&& task) {
    // oneTBB itself uncounts a task that fails to be copied.
    static_assert(std::is_nothrow_constructible_v<std::decay_t<Task>, Task>);
    try {
      return task_group::defer(std::forward<Task>(task));
    } catch (...) {
      uncount(*this);
      throw;
    }
  }

 private:
  /// Does nothing with a oneTBB that keeps its count elsewhere.
  template <typename Group>
  static void uncount(Group& group) {
    if constexpr (requires { group.m_wait_ctx.release(); }) group.m_wait_ctx.release();
  }
};

/// An arena whose workers are threads of our own, with names: each is seated in it, waiting for a
/// task group that ends with the arena, and meanwhile runs whatever is spawned or enqueued there.
/// No other thread enters the arena to wait, and oneTBB's shared workers are not used, so nothing
/// of a host's can be waited in, stolen from or starved. (Where max_allowed_parallelism is 1, as it
/// is in a process that may use one CPU, oneTBB starts one of them even so; there is no seat for
/// it.)
///
/// Invariants: exactly threads() seats for the whole lifetime; the constructor returns when all
/// are seated. What was enqueued is part of the session that the seats wait for, so the destructor
/// runs it to the end.
class WorkerArena {
 public:
  /// A task to be enqueued, and one that wakes the workers for it.
  struct Prepared {
    oneapi::tbb::task_handle task;
    oneapi::tbb::task_handle announcement;
  };

  /// Throws Error(resource_exhausted) if a thread cannot be made, Error(invalid_argument) if the
  /// process may run on none of the CPUs.
  WorkerArena(std::size_t threads, const ThreadOptions& options);
  ~WorkerArena();
  WorkerArena(const WorkerArena&) = delete;

  std::size_t threads() const noexcept { return seats_.size(); }

  /// CPU time of all seats, since they were made.
  std::chrono::nanoseconds cpu_time() const noexcept;

  /// Whether the calling thread is one of the seats.
  bool runs_on_this_thread() const noexcept;

  /// Runs other tasks on this thread, which must be one of the seats, until `until` has ended. It
  /// leaves the isolation of the task that waits: what is waited for may be anywhere in the arena.
  void run_others(oneapi::tbb::task_group& until) {
    arena_.execute([&until] { until.wait(); });
  }

  /// Runs `task` on a worker, some time, once. It must not throw. Throws if there is no memory for
  /// that, or no thread that oneTBB wants: `task` is not run then.
  template <typename Task>
  void enqueue(Task&& task) {
    const auto begun = std::make_shared<std::atomic_flag>();
    Prepared prepared = prepare([begun, task = std::forward<Task>(task)] {
      if (!begun->test_and_set()) task();
    });
    try {
      enqueue_prepared(std::move(prepared));
    } catch (...) {
      if (!begun->test_and_set()) throw;
    }
  }

  /// `task` in what enqueue_prepared() takes no more memory for.
  template <typename Task>
  Prepared prepare(Task&& task) {
    return {session_.defer(std::forward<Task>(task)), session_.defer([] {})};
  }
  /// Runs it on a worker, some time; also if it throws because oneTBB can start no thread.
  void enqueue_prepared(Prepared prepared);

 private:
  void dismiss() noexcept;

  oneapi::tbb::task_arena arena_;
  Session session_;
  oneapi::tbb::task_handle hold_;  // keeps session_ from ending
  std::vector<OwnThread> seats_;
};

}  // namespace adapipe::inline v0_1
