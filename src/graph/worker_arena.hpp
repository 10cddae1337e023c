#pragma once

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <chrono>
#include <cstddef>
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
/// of a host's can be waited in, stolen from or starved.
///
/// Invariants: exactly threads() seats for the whole lifetime; the constructor returns when all
/// are seated. What was enqueued is part of the session that the seats wait for, so the destructor
/// runs it to the end.
class WorkerArena {
 public:
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

  /// Runs `task` on a worker, some time. It must not throw.
  template <typename Task>
  void enqueue(Task&& task) {
    arena_.enqueue(session_.defer(std::forward<Task>(task)));
  }

 private:
  void dismiss() noexcept;

  oneapi::tbb::task_arena arena_;
  Session session_;
  oneapi::tbb::task_handle hold_;  // keeps session_ from ending
  std::vector<OwnThread> seats_;
};

}  // namespace adapipe::inline v0_1
