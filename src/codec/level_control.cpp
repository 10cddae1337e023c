#include "codec/level_control.hpp"

#include <algorithm>
#include <cmath>

namespace adapipe::inline v0_1 {

namespace {

/// A level takes about this much longer than the one below it; less, for most.
constexpr double kCostOfLevel = 1.5;

/// That many levels higher, the workers would take as long as the sink.
int levels_worth(double sink_time) noexcept {
  return sink_time > 0 ? static_cast<int>(std::log(sink_time) / std::log(kCostOfLevel)) : 0;
}

}  // namespace

int level_step(const LevelState& state) noexcept {
  const int by_time = levels_worth(state.sink_time);
  if (state.ran_dry) return state.tried > state.level ? -1 : std::min(by_time, -1);
  if (state.waiting == 0 || state.tried < state.level) return 0;
  const bool sink_is_faster = state.sink_time > 0 && state.sink_time < 1;
  const bool most_wait = 3 * state.waiting >= 2 * (state.slots - 1);
  const int least = most_wait && !sink_is_faster ? 1 : 0;
  // One that waits may be on its way through the fastest sink, at a bad moment.
  const bool times_tell = state.waiting > 1 && state.tried == state.level;
  return times_tell ? std::max(by_time, least) : least;
}

double LevelControl::sink_time(Clock::time_point now) const noexcept {
  using Seconds = std::chrono::duration<double>;
  const double stages = Seconds(time_.load(std::memory_order_relaxed)).count() /
                        static_cast<double>(std::max<std::size_t>(backlog_.workers(), 1));
  return stages > 0 ? Seconds(backlog_.sink_time(now)).count() / stages : 0;
}

int LevelControl::begin(Clock::time_point now) noexcept {
  int level = level_.load(std::memory_order_relaxed);
  const int step = level_step({.ran_dry = backlog_.take_ran_dry(),
                               .waiting = backlog_.waiting(),
                               .slots = backlog_.slots(),
                               .level = level,
                               .tried = tried_.load(std::memory_order_relaxed),
                               .sink_time = sink_time(now)});
  const int next = std::clamp(level + step, range_.min(), range_.max());
  // Of two chunks that begin at the same time, one makes the step.
  return level_.compare_exchange_strong(level, next, std::memory_order_relaxed) ? next : level;
}

}  // namespace adapipe::inline v0_1
