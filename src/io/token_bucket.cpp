#include "io/token_bucket.hpp"

#include <adapipe/error.hpp>
#include <algorithm>

#include "util/for_good.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::uint64_t kStepsPerSecond = 100;
/// Long enough for a thread that wakes up late to catch up.
constexpr std::uint64_t kFillsPerSecond = 10;
/// Room for one more, so that not even the slowest loses what a byte comes late.
constexpr std::uint64_t kLeastBytes = 2;

class SteadyClock final : public BucketClock {
 public:
  Time now() const noexcept override { return std::chrono::steady_clock::now(); }
  void wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                  Time time) override {
    changed.wait_until(lock, time);
  }
};

}  // namespace

BucketClock& steady_bucket_clock() noexcept {
  static ForGood<SteadyClock> clock;
  return *clock;
}

TokenBucket::TokenBucket(std::uint64_t bytes_per_second, BucketClock& clock)
    : rate_(bytes_per_second),
      step_bytes_(static_cast<std::size_t>(std::max<std::uint64_t>(rate_ / kStepsPerSecond, 1))),
      capacity_(std::max(rate_ / kFillsPerSecond, kLeastBytes) * kByte),
      clock_(clock),
      refilled_(clock.now()) {}

void TokenBucket::refill() noexcept {
  const BucketClock::Time now = clock_.now();
  const auto elapsed = std::chrono::nanoseconds(now - refilled_).count();
  refilled_ = now;
  const auto passed = static_cast<std::uint64_t>(std::max<std::int64_t>(elapsed, 0));
  const bool is_full = passed > (capacity_ - credit_) / rate_;
  credit_ = is_full ? capacity_ : credit_ + passed * rate_;
}

std::size_t TokenBucket::try_take(std::size_t most) {
  const std::lock_guard lock(mutex_);
  if (!waiting_.empty()) return 0;
  refill();
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(most, credit_ / kByte));
  credit_ -= taken * kByte;
  return taken;
}

std::size_t TokenBucket::take(std::size_t most, const std::atomic<bool>& stopped) {
  const std::size_t wanted = std::min(most, step_bytes_);
  const Credit price = wanted * kByte;
  std::unique_lock lock(mutex_);
  const auto self = waiting_.emplace(waiting_.end());
  while (!stopped) {
    if (self != waiting_.begin()) {
      self->wait(lock);
      continue;
    }
    refill();
    if (credit_ >= price) break;
    const Credit missing = price - credit_;
    clock_.wait_until(*self, lock,
                      refilled_ + std::chrono::nanoseconds((missing + rate_ - 1) / rate_));
  }
  waiting_.erase(self);
  if (!waiting_.empty()) waiting_.front().notify_one();
  if (stopped) return 0;
  credit_ -= price;
  return wanted;
}

void TokenBucket::give_back(std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  credit_ = std::min(capacity_, credit_ + bytes * kByte);
}

void TokenBucket::wake() noexcept {
  const std::lock_guard lock(mutex_);
  for (std::condition_variable& one : waiting_) one.notify_one();
}

std::size_t TokenBucket::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

std::size_t BucketUser::take(std::size_t most) {
  const std::lock_guard turn(turn_);
  const std::size_t taken = bucket_->take(most, cancelled_);
  if (taken == 0) throw Error(errc::cancelled, "cancelled while waiting for the rate limit");
  return taken;
}

void BucketUser::take_all(std::size_t bytes) {
  while (bytes > 0) bytes -= take(bytes);
}

void BucketUser::cancel() noexcept {
  cancelled_ = true;
  bucket_->wake();
}

}  // namespace adapipe::inline v0_1
