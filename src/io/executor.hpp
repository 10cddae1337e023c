#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "util/thread.hpp"

namespace adapipe::inline v0_1 {

/// Threads for work that may wait. A thread is made whenever a job finds none idle, up to a bound,
/// beyond which jobs queue; idle threads leave after a while. Thread-safe.
///
/// Invariants: no thread is made beyond max_threads; a queued job has a thread on its way unless
/// all are busy. The destructor runs every job that was submitted, then joins; it must not be
/// called from a job.
class IoExecutor {
 public:
  IoExecutor(std::size_t max_threads, ThreadOptions options);
  ~IoExecutor();
  IoExecutor(const IoExecutor&) = delete;

  /// `job` must not throw. Throws Error(resource_exhausted) only if there is no thread at all and
  /// none can be made; the job is then not queued.
  void submit(std::function<void()> job);

  /// One thread more, or again one less, may exist: for a job that waits until its submitter lets
  /// it go, and must not keep others waiting.
  void allow_one_more() noexcept;
  void allow_one_less() noexcept;

  /// Whether the calling thread is one of the executor's.
  bool runs_on_this_thread() const noexcept;

  struct Load {
    std::size_t threads = 0;  ///< alive
    std::size_t busy = 0;     ///< of these, with a job
    std::size_t waiting = 0;  ///< jobs without a thread yet
  };
  Load load() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Runs jobs one after the other, in the order of post(), on an executor: for a source or sink that
/// one thread at a time may use. Takes at most one thread. Thread-safe.
class Strand {
 public:
  explicit Strand(IoExecutor& executor);
  /// All posted jobs must have run.
  ~Strand();
  Strand(const Strand&) = delete;

  /// `job` must not throw. After the last job has returned, nothing of the strand is touched by
  /// the executor's threads unless post() is called again.
  void post(std::function<void()> job);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace adapipe::inline v0_1
