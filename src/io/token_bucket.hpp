#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

namespace adapipe::inline v0_1 {

/// The time by which a bucket is filled; tests have one of their own. Thread-safe.
class BucketClock {
 public:
  using Time = std::chrono::steady_clock::time_point;

  virtual ~BucketClock() = default;
  virtual Time now() const noexcept = 0;
  /// Returns at `time`, when `changed` is notified, or earlier for no reason.
  virtual void wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                          Time time) = 0;
};
BucketClock& steady_bucket_clock() noexcept;

/// What a RateLimit stands for. Thread-safe.
///
/// Invariants: by any time, no more has been taken than the rate allows since the bucket was made,
/// to the nanosecond; while somebody waits, nobody who came later gets anything.
class TokenBucket {
 public:
  /// `bytes_per_second`: 1 .. RateLimit::kMaxBytesPerSecond. The clock must outlive it.
  explicit TokenBucket(std::uint64_t bytes_per_second, BucketClock& clock = steady_bucket_clock());

  std::uint64_t bytes_per_second() const noexcept { return rate_; }

  /// Takes up to `most` bytes, as many as there are, without waiting; 0 while somebody waits.
  std::size_t try_take(std::size_t most);
  /// Waits for its turn and then for a step's worth, or for `most` if that is less, and takes it.
  /// 0 once `stopped`.
  std::size_t take(std::size_t most, const std::atomic<bool>& stopped);
  /// Of what was taken, what was not used.
  void give_back(std::size_t bytes) noexcept;
  /// Has those who wait look whether they are to stop.
  void wake() noexcept;

  std::size_t waiting() const;  ///< for tests

 private:
  // In byte-nanoseconds, in which the rate is a whole number: no fraction is ever cut off.
  using Credit = std::uint64_t;
  static constexpr Credit kByte = 1'000'000'000;

  void refill() noexcept;

  const std::uint64_t rate_;
  const std::size_t step_bytes_;
  const Credit capacity_;
  BucketClock& clock_;
  mutable std::mutex mutex_;
  Credit credit_ = 0;
  BucketClock::Time refilled_;
  std::list<std::condition_variable> waiting_;  // one for each, in the order of asking
};

/// One source at a bucket. However many threads read it, it waits in one place of the queue.
class BucketUser {
 public:
  explicit BucketUser(std::shared_ptr<TokenBucket> bucket) : bucket_(std::move(bucket)) {}

  std::size_t try_take(std::size_t most) { return bucket_->try_take(most); }
  /// 1 .. `most` bytes, which is not 0. Throws Error(cancelled).
  std::size_t take(std::size_t most);
  void give_back(std::size_t bytes) noexcept { bucket_->give_back(bytes); }
  /// Takes so many, by and by. Throws Error(cancelled).
  void take_all(std::size_t bytes);
  /// From now on take() throws. From any thread, any number of times.
  void cancel() noexcept;

 private:
  const std::shared_ptr<TokenBucket> bucket_;
  std::mutex turn_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace adapipe::inline v0_1
