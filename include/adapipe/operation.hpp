#pragma once

#include <adapipe/error.hpp>
#include <adapipe/export.hpp>
#include <adapipe/report.hpp>
#include <adapipe/runtime.hpp>
#include <chrono>
#include <memory>

namespace adapipe::inline v0_1 {

class OperationState;

/// A running process, restore or verify. It owns its work: destroying or assigning over it
/// cancels and joins. It completes without anyone waiting. Movable; the functions may be called
/// from several threads as long as none of them moves or destroys it.
class [[nodiscard]] ADAPIPE_API Operation {
 public:
  Operation(Operation&&) noexcept;
  Operation& operator=(Operation&& other) noexcept;
  ~Operation();

  /// Waits, then returns what was done or throws the Error that ended it. May be repeated.
  Report get() const;
  void wait() const;
  /// true if it has ended within `timeout`.
  bool wait_for(std::chrono::nanoseconds timeout) const;
  /// Asks it to stop; does not wait. The operation ends with Error(cancelled), unless it was
  /// already past the last check.
  void cancel() const noexcept;
  Progress progress() const noexcept;
  /// The error that ended it; nullptr while it runs and after success. Lives as long as *this.
  const Error* error() const noexcept;

 private:
  friend class OperationState;
  Operation(Runtime runtime, std::shared_ptr<OperationState> state) noexcept;
  void abandon() noexcept;

  Runtime runtime_;
  std::shared_ptr<OperationState> state_;
};

}  // namespace adapipe::inline v0_1
