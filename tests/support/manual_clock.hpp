#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "io/token_bucket.hpp"

namespace adapipe::testing {

/// A clock that stands still until it is told to go on; whoever waits for it has to be woken then,
/// as by TokenBucket::wake().
class ManualClock final : public BucketClock {
 public:
  Time now() const noexcept override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                  Time time) override {
    if (now() < time) changed.wait(lock);
  }
  void advance(std::chrono::nanoseconds time) {
    const std::lock_guard lock(mutex_);
    now_ += time;
  }

 private:
  mutable std::mutex mutex_;
  Time now_{};
};

/// Once so many wait at `bucket`.
inline void until_waiting(const TokenBucket& bucket, std::size_t count) {
  while (bucket.waiting() != count) std::this_thread::yield();
}

}  // namespace adapipe::testing
