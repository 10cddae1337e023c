#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <mutex>

namespace adapipe::inline v0_1 {

/// A counted resource that is handed out in the order of asking: bytes of the budget, or places
/// for operations. Nobody blocks; whoever has to wait is called back. Thread-safe.
///
/// Invariants: in_use() <= capacity(); while the one asking longest does not fit, nobody behind it
/// gets anything, so a big request is never starved by small ones.
class FifoGate {
 public:
  explicit FifoGate(std::size_t capacity) noexcept : capacity_(capacity) {}

  /// How much of `free` units to take; 0: not enough yet. Called under the gate's lock.
  using Take = std::function<std::size_t(std::size_t free)>;
  /// Called once, outside the lock, by this enter() or by a later leave() of someone else, which it
  /// must not hold up: it hands on what it was told and returns, without calling leave() itself.
  using Admitted = std::function<void(std::size_t taken)>;

  /// `who` tells requests apart; one at a time for each. `admitted` must not throw.
  /// If it throws, nothing was asked for.
  void enter(const void* who, Take take, Admitted admitted);

  /// Stops waiting. true: `admitted` will not be called; false: it was, is being called, or `who`
  /// has not asked.
  bool withdraw(const void* who) noexcept;

  /// Gives back what admitted() was told, or a part of it.
  void leave(std::size_t units) noexcept;

  /// Takes more for someone who is inside already; false if there is not as much at the moment.
  bool try_extend(std::size_t units);

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t in_use() const;
  std::size_t waiting() const;  ///< how many ask and have nothing yet

 private:
  struct Waiting {
    const void* who;
    Take take;
    Admitted admitted;
    std::size_t taken = 0;
  };
  void admit_those_who_fit(std::unique_lock<std::mutex> lock) noexcept;

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::size_t in_use_ = 0;
  std::list<Waiting> waiting_;
};

}  // namespace adapipe::inline v0_1
