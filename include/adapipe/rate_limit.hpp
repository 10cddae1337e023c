#pragma once

#include <adapipe/export.hpp>
#include <cstdint>
#include <memory>

namespace adapipe::inline v0_1 {

class TokenBucket;

/// How fast bytes may be read: a token bucket, filled at a steady rate. A cheap handle: copies
/// share the bucket, so that one limit can hold for all operations of a host. Thread-safe.
///
/// Whoever has to wait gets bytes in the order of asking, a hundredth of a second's worth at a
/// time, so that all sources that wait get the same. Fractions of a byte are carried on: over time
/// nothing is lost. The bucket begins empty. What nobody takes is kept for a tenth of a second (2
/// bytes are in any case), and may then be taken at once.
class ADAPIPE_API RateLimit {
 public:
  static constexpr std::uint64_t kMaxBytesPerSecond = std::uint64_t{1} << 36;  ///< 64 GiB/s

  /// Throws Error(invalid_argument) unless 1 .. kMaxBytesPerSecond.
  explicit RateLimit(std::uint64_t bytes_per_second);

  std::uint64_t bytes_per_second() const noexcept;

  const std::shared_ptr<TokenBucket>& bucket() const noexcept { return bucket_; }

 private:
  std::shared_ptr<TokenBucket> bucket_;
};

/// A new limit, for Source::limited(), ProcessOptions::rate_limit and RestoreOptions::rate_limit.
[[nodiscard]] inline RateLimit rate_limit(std::uint64_t bytes_per_second) {
  return RateLimit(bytes_per_second);
}

}  // namespace adapipe::inline v0_1
