#pragma once

#include <adapipe/stages.hpp>
#include <atomic>
#include <climits>
#include <cstddef>

#include "util/backlog.hpp"

namespace adapipe::inline v0_1 {

/// How an operation stands when a chunk of it begins to be compressed.
struct LevelState {
  bool ran_dry = false;     ///< Backlog::take_ran_dry()
  std::size_t waiting = 0;  ///< Backlog::waiting()
  std::size_t slots = 0;    ///< Backlog::slots(), with that of the chunk
  int level = 0;            ///< as it is now
  int tried = INT_MIN;      ///< of the chunk that was compressed last
  double sink_time = 0;  ///< for a chunk, in the time that the workers take for one; 0: not known
};

/// By how much the level of this chunk is to differ. Down, when the sink has had to wait for
/// chunks. Up, while several wait for it and it takes longer for one than the workers do: by as
/// many levels as that is worth, or by one if that is less and most of the other chunks wait
/// already. Up only once a chunk of this level has been compressed, so that a step too far costs
/// one chunk; by more than one only with the times of this level.
int level_step(const LevelState& state) noexcept;

/// The level of one operation's next chunk, within a range: lowest at first. Thread-safe.
class LevelControl {
 public:
  using Clock = Backlog::Clock;

  /// `backlog` must outlive it; nobody else may ask it whether it ran dry.
  LevelControl(ZstdLevel range, Backlog& backlog) noexcept
      : range_(range), backlog_(backlog), level_(range.min()) {}

  /// For a chunk that begins now.
  int begin(Clock::time_point now) noexcept;
  /// A chunk of that level has been compressed, in that time.
  void end(int level, Clock::duration time) noexcept {
    time_.store(time, std::memory_order_relaxed);
    tried_.store(level, std::memory_order_relaxed);
  }

 private:
  double sink_time(Clock::time_point now) const noexcept;

  const ZstdLevel range_;
  Backlog& backlog_;
  std::atomic<int> level_;
  std::atomic<int> tried_{INT_MIN};
  std::atomic<Clock::duration> time_{Clock::duration::zero()};  // of the chunk at tried_
};

}  // namespace adapipe::inline v0_1
