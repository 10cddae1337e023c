#include "observe/counters.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <thread>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::size_t bucket_of(std::chrono::nanoseconds time) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 1));
  // The smallest i with ns <= 1024 << i.
  const auto width = static_cast<std::size_t>(std::bit_width(ns - 1));
  return std::min<std::size_t>(width > 10 ? width - 10 : 0, DurationHistogram::kBuckets - 1);
}

}  // namespace

template <typename Counts>
std::size_t Sharded<Counts>::this_threads_shard() noexcept {
  return std::hash<std::thread::id>{}(std::this_thread::get_id());
}
template class Sharded<StepCounts>;
template class Sharded<ChunkCounts>;

void DurationCounter::add(std::chrono::nanoseconds time) noexcept {
  counts_[bucket_of(time)].fetch_add(1, kRelaxed);
  sum_ns_.fetch_add(time.count(), kRelaxed);
}

void DurationCounter::add_to(DurationHistogram& sum) const noexcept {
  for (std::size_t i = 0; i < counts_.size(); ++i) sum.counts[i] += counts_[i].load(kRelaxed);
  sum.sum += std::chrono::nanoseconds(sum_ns_.load(kRelaxed));
}

Counters::Counters(std::shared_ptr<Observer> observer) : observer_(std::move(observer)) {}

Observer* Counters::observer() const noexcept {
  return observer_ && process_.is_this() ? observer_.get() : nullptr;
}

Sharded<StepCounts>& Counters::step(Step step, Direction direction, const std::string& stage) {
  const std::lock_guard lock(mutex_);
  StepKey key{step, direction, stage};
  auto found = steps_.find(key);
  const auto is_alike = [&](const auto& one) {
    return one.first.step == step && one.first.direction == direction;
  };
  if (found == steps_.end() &&
      std::count_if(steps_.begin(), steps_.end(), is_alike) >= std::ptrdiff_t{kMostNames}) {
    key.stage = "other";
    found = steps_.find(key);
  }
  if (found == steps_.end())
    found = steps_.emplace(std::move(key), std::make_unique<Sharded<StepCounts>>()).first;
  return *found->second;
}

void Counters::fill(Metrics& metrics) const {
  for (std::size_t i = 0; i < by_kind_.size(); ++i) {
    const OperationCounts& counts = by_kind_[i];
    OperationMetrics& of_kind = metrics.operations.emplace_back();
    of_kind.kind = static_cast<OperationKind>(i);
    // Those that have ended first, or more might have ended than were started.
    of_kind.succeeded = counts.succeeded.load();
    for (std::size_t e = 0; e < kErrcCount; ++e) of_kind.failed[e] = counts.failed[e].load();
    of_kind.started = counts.started.load();
    counts.time.add_to(of_kind.time);
  }
  place_wait_.add_to(metrics.place_wait);
  memory_wait_.add_to(metrics.memory_wait);
  std::uint64_t ended = 0;
  chunks_.for_each([&](const ChunkCounts& counts) {
    ended += counts.ended.load();
    counts.time.add_to(metrics.chunk_time);
  });
  std::uint64_t begun = 0;
  chunks_.for_each([&](const ChunkCounts& counts) { begun += counts.begun.load(); });
  metrics.chunks_in_flight = begun - ended;

  const std::lock_guard lock(mutex_);
  for (const auto& [key, counts] : steps_) {
    StepMetrics& step = metrics.steps.emplace_back();
    step.step = key.step;
    step.stage = key.stage;
    step.direction = key.direction;
    counts->for_each([&step](const StepCounts& shard) {
      step.bytes_in += shard.bytes_in.load(kRelaxed);
      step.bytes_out += shard.bytes_out.load(kRelaxed);
      shard.time.add_to(step.time);
      shard.wait.add_to(step.wait);
    });
  }
}

}  // namespace adapipe::inline v0_1
