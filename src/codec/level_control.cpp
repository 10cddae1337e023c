#include "codec/level_control.hpp"

#include <algorithm>

namespace adapipe::inline v0_1 {

int level_step(const LevelState& state) noexcept {
  const std::size_t others = std::max<std::size_t>(state.slots, 1) - 1;
  if (state.ran_dry) return -1;
  const bool most_wait = others > 0 && 3 * state.waiting >= 2 * others;
  return most_wait && state.tried >= state.level ? 1 : 0;
}

int LevelControl::begin() noexcept {
  int level = level_.load(std::memory_order_relaxed);
  const int step = level_step({.ran_dry = backlog_.take_ran_dry(),
                               .waiting = backlog_.waiting(),
                               .slots = backlog_.slots(),
                               .level = level,
                               .tried = tried_.load(std::memory_order_relaxed)});
  const int next = std::clamp(level + step, range_.min(), range_.max());
  // Of two chunks that begin at the same time, one makes the step.
  return level_.compare_exchange_strong(level, next, std::memory_order_relaxed) ? next : level;
}

}  // namespace adapipe::inline v0_1
