#pragma once

#include <adapipe/error.hpp>
#include <adapipe/export.hpp>
#include <adapipe/observer.hpp>
#include <adapipe/stage.hpp>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

/// How long something took, each time: counted in buckets whose bounds double.
struct ADAPIPE_API DurationHistogram {
  static constexpr std::size_t kBuckets = 28;

  /// The longest time that bucket `i` counts, from 1.024 us to 68.7 s; the last one has no bound.
  static constexpr std::chrono::nanoseconds bound(std::size_t i) noexcept {
    return std::chrono::nanoseconds(std::int64_t{1024} << i);
  }

  std::array<std::uint64_t, kBuckets> counts{};
  std::chrono::nanoseconds sum{};

  std::uint64_t count() const noexcept;
  /// The time that the fraction `q` of all did not exceed (0.5: the median), interpolated within
  /// its bucket; what is in the last bucket counts as its lower bound. 0 if there is nothing yet.
  std::chrono::nanoseconds quantile(double q) const noexcept;
};

/// Of all steps of one kind.
struct StepMetrics {
  Step step = Step::read;
  /// Step::stage: as in StageReport::name. "other" stands for all beyond the first 64 names
  /// of a direction.
  std::string stage{};
  Direction direction = Direction::forward;  ///< backward: restore, verify and Reader
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  DurationHistogram time{};  ///< its count is the number of chunks
  DurationHistogram wait{};  ///< of the chunks, from the end of the step before
};

/// Of all operations of one kind.
struct OperationMetrics {
  OperationKind kind = OperationKind::process;
  std::uint64_t started = 0;
  std::uint64_t succeeded = 0;
  std::array<std::uint64_t, kErrcCount> failed{};  ///< by errc, which begins with 1
  DurationHistogram time{};                        ///< of those that have ended

  std::uint64_t running() const noexcept;  ///< waiting for their turn included
};

/// What a Runtime has done since it was made, and what it is doing. Taken without stopping it, so
/// one number may be a moment ahead of another.
struct Metrics {
  std::vector<OperationMetrics> operations{};  ///< one for every kind
  std::size_t operations_waiting = 0;          ///< for max_concurrent_operations
  std::size_t operations_waiting_for_memory = 0;
  DurationHistogram place_wait{};   ///< how long operations waited for the one
  DurationHistogram memory_wait{};  ///< and for the other

  std::vector<StepMetrics> steps{};
  std::uint64_t chunks_in_flight = 0;
  DurationHistogram chunk_time{};  ///< of chunks, from when they are begun to when they are written

  std::size_t memory_bytes = 0;  ///< the budget
  std::size_t memory_in_use_bytes = 0;
  std::size_t cache_bytes = 0;   ///< in the cache that the Readers share
  std::uint64_t cache_hits = 0;  ///< what Readers asked for, and found there
  std::uint64_t cache_misses = 0;

  std::size_t worker_threads = 0;
  std::chrono::nanoseconds worker_cpu_time{};  ///< of all workers: divided by wall time and
                                               ///< worker_threads it is their utilisation
  std::size_t io_threads = 0;                  ///< alive
  std::size_t io_threads_busy = 0;             ///< waiting for I/O included
  std::size_t io_jobs_waiting = 0;             ///< for a thread
};

/// In the text format of Prometheus, version 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats): what GET /metrics is answered with, as
/// text/plain; version=0.0.4. All names begin with adapipe_.
ADAPIPE_API std::string metrics_text(const Metrics& metrics);

}  // namespace adapipe::inline v0_1
