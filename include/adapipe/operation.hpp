#pragma once

#include <adapipe/error.hpp>
#include <adapipe/export.hpp>
#include <adapipe/report.hpp>
#include <adapipe/runtime.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace adapipe::inline v0_1 {

class OperationState;

/// GCC before 13 destroys the members of an aggregate, such as an options struct, twice if it is a
/// temporary in a co_await expression, so there a temporary operation is refused: name it first.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#define ADAPIPE_CO_AWAIT_NEEDS_A_NAME 1
#else
#define ADAPIPE_CO_AWAIT_NEEDS_A_NAME 0
#endif

/// How a coroutine waits for an Operation, or for AllOperations, which has to outlive it.
template <typename Awaited>
class OperationAwaiter {
 public:
  OperationAwaiter(const Awaited& awaited) noexcept : awaited_(awaited) {}

  bool await_ready() const noexcept { return awaited_.done(); }
  void await_suspend(std::coroutine_handle<> coroutine) const {
    awaited_.on_completion([coroutine] { coroutine.resume(); });
  }
  auto await_resume() const { return awaited_.get(); }

 private:
  const Awaited& awaited_;
};

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
  bool done() const noexcept;

  /// `callback` runs once, when the operation has ended or at once if it has, through
  /// RuntimeOptions::post: it is the operation's last act, and may destroy the Operation and the
  /// last handle to its Runtime. It must not throw. Several are run in the order in which they were
  /// given. Throws Error(resource_exhausted) if there is no thread for it.
  void on_completion(std::function<void()> callback) const;

  /// co_await operation: as get(), without holding a thread. The coroutine goes on where
  /// on_completion() callbacks run, or at once if the operation has ended.
  OperationAwaiter<Operation> operator co_await() const& noexcept { return {*this}; }
#if ADAPIPE_CO_AWAIT_NEEDS_A_NAME
  void operator co_await() const&& = delete;
#endif

 private:
  friend class OperationState;
  Operation(Runtime runtime, std::shared_ptr<OperationState> state) noexcept;
  void abandon() noexcept;

  Runtime runtime_;
  std::shared_ptr<OperationState> state_;
};

/// Operations that are waited for as one; made by when_all(). It owns them: destroying it cancels
/// and joins them all. Movable, unless someone waits for it.
class [[nodiscard]] ADAPIPE_API AllOperations {
 public:
  explicit AllOperations(std::vector<Operation> operations) noexcept;
  AllOperations(AllOperations&&) noexcept;
  AllOperations& operator=(AllOperations&& other) noexcept;
  ~AllOperations();

  /// In the order in which they were given.
  const std::vector<Operation>& operations() const noexcept { return operations_; }

  /// Waits until all have ended, then returns what they did, or throws the Error of the first in
  /// the list that failed. One that fails does not stop the others.
  std::vector<Report> get() const;
  void wait() const;
  /// true if all have ended within `timeout`.
  bool wait_for(std::chrono::nanoseconds timeout) const;
  /// Asks all of them to stop; does not wait.
  void cancel() const noexcept;
  bool done() const noexcept;

  /// Runs once, when the last of them has ended; else as Operation::on_completion().
  void on_completion(std::function<void()> callback) const;

  /// co_await when_all(...): as get(), without holding a thread.
  OperationAwaiter<AllOperations> operator co_await() const& noexcept { return {*this}; }
#if ADAPIPE_CO_AWAIT_NEEDS_A_NAME
  void operator co_await() const&& = delete;
#endif

 private:
  std::vector<Operation> operations_;
};

[[nodiscard]] inline AllOperations when_all(std::vector<Operation> operations) {
  return AllOperations(std::move(operations));
}
template <typename... Operations>
requires(sizeof...(Operations) > 0 && (std::is_same_v<Operations, Operation> && ...))
    [[nodiscard]] AllOperations when_all(Operations&&... operations) {
  std::vector<Operation> all;
  all.reserve(sizeof...(operations));
  (all.push_back(std::move(operations)), ...);
  return AllOperations(std::move(all));
}

}  // namespace adapipe::inline v0_1
