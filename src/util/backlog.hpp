#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

namespace adapipe::inline v0_1 {

/// How many chunks of an operation could be written if the sink took them, of how many there can
/// be, and how long it takes for one: tells whether the stages or the sink are the slower. A chunk
/// that waits for the one before it is none of them. Thread-safe; nothing hangs on a value being
/// the newest.
class Backlog {
 public:
  using Clock = std::chrono::steady_clock;

  /// Before the first chunk.
  void begin(std::size_t slots, std::size_t workers) noexcept {
    slots_.store(slots, std::memory_order_relaxed);
    workers_.store(std::min(slots, workers), std::memory_order_relaxed);
  }
  void enter(Clock::time_point now) noexcept {
    if (waiting_.fetch_add(1, std::memory_order_relaxed) == 0)
      sink_turns_.store(now, std::memory_order_relaxed);
  }
  void leave(Clock::time_point now) noexcept {
    const auto turned = sink_turns_.exchange(now, std::memory_order_relaxed);
    last_time_.store(now - turned, std::memory_order_relaxed);
    if (waiting_.fetch_sub(1, std::memory_order_relaxed) == 1)
      ran_dry_.store(true, std::memory_order_relaxed);
  }

  /// With those that are being written.
  std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  /// Chunks that the operation holds at once; 0: it has not begun.
  std::size_t slots() const noexcept { return slots_.load(std::memory_order_relaxed); }
  /// How many of them stages can be at work on.
  std::size_t workers() const noexcept { return workers_.load(std::memory_order_relaxed); }
  /// Whether the last chunk left since this was asked before: the sink has had to wait.
  bool take_ran_dry() noexcept { return ran_dry_.exchange(false, std::memory_order_relaxed); }
  /// From one chunk that left to the next: the last, or the one that waits if that takes longer
  /// already. Where several are written at once, that is the sink's time for one.
  Clock::duration sink_time(Clock::time_point now) const noexcept {
    const auto last = last_time_.load(std::memory_order_relaxed);
    if (waiting() == 0) return last;
    return std::max(last, now - sink_turns_.load(std::memory_order_relaxed));
  }

 private:
  std::atomic<std::size_t> slots_{0};
  std::atomic<std::size_t> workers_{0};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> ran_dry_{false};
  std::atomic<Clock::time_point> sink_turns_{Clock::time_point()};  // to the chunk it is at
  std::atomic<Clock::duration> last_time_{Clock::duration::zero()};
};

}  // namespace adapipe::inline v0_1
