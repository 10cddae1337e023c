#pragma once

#include <atomic>
#include <cstddef>

namespace adapipe::inline v0_1 {

/// How many chunks of an operation could be written if the sink took them, of how many there can
/// be: tells whether the stages or the sink are the slower. A chunk that waits for the one before
/// it is none of them. Thread-safe; nothing hangs on a value being the newest.
class Backlog {
 public:
  /// Before the first chunk.
  void begin(std::size_t slots) noexcept { slots_.store(slots, std::memory_order_relaxed); }
  void enter() noexcept { waiting_.fetch_add(1, std::memory_order_relaxed); }
  void leave() noexcept {
    if (waiting_.fetch_sub(1, std::memory_order_relaxed) == 1)
      ran_dry_.store(true, std::memory_order_relaxed);
  }

  /// With those that are being written.
  std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  /// Chunks that the operation holds at once; 0: it has not begun.
  std::size_t slots() const noexcept { return slots_.load(std::memory_order_relaxed); }
  /// Whether the last chunk left since this was asked before: the sink has had to wait.
  bool take_ran_dry() noexcept { return ran_dry_.exchange(false, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> slots_{0};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> ran_dry_{false};
};

}  // namespace adapipe::inline v0_1
