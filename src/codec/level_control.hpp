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
};

/// By how much the level of this chunk is to differ: -1, 0 or 1. Down, when the sink has had to
/// wait for chunks. Up, while most of the other chunks wait for the sink, so that there is time to
/// make the next ones smaller; but only if that is so after a chunk of this level, so that one step
/// too high costs one chunk.
int level_step(const LevelState& state) noexcept;

/// The level of one operation's next chunk, within a range: lowest at first. Thread-safe.
class LevelControl {
 public:
  /// `backlog` must outlive it; nobody else may ask it whether it ran dry.
  LevelControl(ZstdLevel range, Backlog& backlog) noexcept
      : range_(range), backlog_(backlog), level_(range.min()) {}

  /// For a chunk that begins now.
  int begin() noexcept;
  /// A chunk of that level has been compressed.
  void end(int level) noexcept { tried_.store(level, std::memory_order_relaxed); }

 private:
  const ZstdLevel range_;
  Backlog& backlog_;
  std::atomic<int> level_;
  std::atomic<int> tried_{INT_MIN};
};

}  // namespace adapipe::inline v0_1
