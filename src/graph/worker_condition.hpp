#pragma once

#include <oneapi/tbb/task_group.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "graph/worker_arena.hpp"

namespace adapipe::inline v0_1 {

/// A condition that workers may wait for as well: a worker, which may be the only one, runs other
/// tasks meanwhile, so that what it waits for can come about.
class WorkerCondition {
 public:
  /// `workers`: the arena whose threads must not just wait; nullptr if there is none.
  template <typename Ready>
  void wait(std::unique_lock<std::mutex>& lock, WorkerArena* workers, Ready ready) {
    if (workers && workers->runs_on_this_thread()) {
      while (!ready()) {
        oneapi::tbb::task_group until_notified;
        waiting_workers_.push_back(until_notified.defer([] {}));
        lock.unlock();
        workers->run_others(until_notified);
        lock.lock();
      }
    }
    changed_.wait(lock, std::move(ready));
  }

  template <typename Ready>
  bool wait_for(std::unique_lock<std::mutex>& lock, std::chrono::nanoseconds timeout, Ready ready) {
    return changed_.wait_for(lock, timeout, std::move(ready));
  }

  /// With the lock held: whoever waited may destroy this once it has the lock.
  void notify_all() noexcept {
    waiting_workers_.clear();
    changed_.notify_all();
  }

 private:
  std::condition_variable changed_;
  std::vector<oneapi::tbb::task_handle> waiting_workers_;  // each holds back one of them
};

}  // namespace adapipe::inline v0_1
