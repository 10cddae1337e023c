#pragma once

#include <adapipe/metrics.hpp>
#include <adapipe/observer.hpp>
#include <adapipe/stage.hpp>
#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "util/own_process.hpp"

namespace adapipe::inline v0_1 {

/// Counts that many threads add to and one now and then sums up: each adds to one of a few copies,
/// on cache lines of its own. Thread-safe.
template <typename Counts>
class Sharded {
 public:
  Counts& mine() noexcept { return shards_[this_threads_shard() % shards_.size()].counts; }

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Shard& shard : shards_) visit(shard.counts);
  }

 private:
  static std::size_t this_threads_shard() noexcept;

  struct alignas(64) Shard {
    Counts counts{};
  };
  std::array<Shard, 8> shards_{};
};

/// What a DurationHistogram is a picture of.
class DurationCounter {
 public:
  void add(std::chrono::nanoseconds time) noexcept;
  void add_to(DurationHistogram& sum) const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, DurationHistogram::kBuckets> counts_{};
  std::atomic<std::int64_t> sum_ns_{0};
};

struct StepCounts {
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
  DurationCounter time;
  DurationCounter wait;
};

struct ChunkCounts {
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> ended{0};
  DurationCounter time;  // of those that were written
};

struct OperationCounts {
  std::atomic<std::uint64_t> started{0};
  std::atomic<std::uint64_t> succeeded{0};
  std::array<std::atomic<std::uint64_t>, kErrcCount> failed{};
  DurationCounter time;
};

/// What a Runtime counts of its operations and their chunks, for its whole life. Thread-safe; takes
/// a lock only when an operation begins.
class Counters {
 public:
  /// Of stages in one direction: they are the host's to choose.
  static constexpr std::size_t kMostNames = 64;

  explicit Counters(std::shared_ptr<Observer> observer);

  /// nullptr: there is none, or this is a child of fork(), where it may be in the middle of
  /// anything.
  Observer* observer() const noexcept;
  std::uint64_t next_operation() noexcept { return ++operations_begun_; }

  /// Those of one kind of steps; the reference stays good. May throw std::bad_alloc.
  Sharded<StepCounts>& step(Step step, Direction direction, const std::string& stage);
  Sharded<ChunkCounts>& chunks() noexcept { return chunks_; }
  OperationCounts& operations(OperationKind kind) noexcept {
    return by_kind_[static_cast<std::size_t>(kind)];
  }
  DurationCounter& place_wait() noexcept { return place_wait_; }
  DurationCounter& memory_wait() noexcept { return memory_wait_; }

  /// Adds what is counted here.
  void fill(Metrics& metrics) const;

 private:
  struct StepKey {
    Step step;
    Direction direction;
    std::string stage;
    auto operator<=>(const StepKey&) const = default;
  };

  const OwnProcess process_;
  const std::shared_ptr<Observer> observer_;
  std::atomic<std::uint64_t> operations_begun_{0};
  std::array<OperationCounts, 5> by_kind_{};
  DurationCounter place_wait_;
  DurationCounter memory_wait_;
  Sharded<ChunkCounts> chunks_;
  mutable std::mutex mutex_;
  std::map<StepKey, std::unique_ptr<Sharded<StepCounts>>> steps_;
};

}  // namespace adapipe::inline v0_1
