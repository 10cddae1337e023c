#pragma once

#include <adapipe/error.hpp>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

namespace adapipe::inline v0_1 {

/// Keeps the first failure of an operation; later ones are dropped. Thread-safe.
///
/// Once failed() is true it stays true, and error() is the same for ever. Whoever sees failed()
/// lets chunks pass through unprocessed.
class FailureLatch {
 public:
  /// Relaxed: a reader may see a failure late, which costs one chunk of work and nothing else.
  bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

  /// true if this one was the first, and came before close().
  bool fail(Error error) noexcept;

  /// The point of no return, before the commit: true if nothing has failed; failures from outside
  /// are then dropped.
  bool close() noexcept;
  /// The commit itself failed. Only after close() has said true.
  void fail_commit(Error error) noexcept;

  /// The exception being handled, as an Error: an Error keeps its kind, bad_alloc becomes
  /// resource_exhausted, anything else `otherwise` with its what(). Only in a catch block.
  static Error current_exception_as_error(errc otherwise) noexcept;

  std::optional<Error> error() const;

 private:
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::optional<Error> error_;
  bool closed_ = false;
};

}  // namespace adapipe::inline v0_1
