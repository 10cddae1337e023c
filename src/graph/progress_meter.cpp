#include "graph/progress_meter.hpp"

#include <utility>

namespace adapipe::inline v0_1 {

namespace {

constexpr std::chrono::nanoseconds kInterval = std::chrono::milliseconds(100);

}  // namespace

ProgressMeter::ProgressMeter(Callback callback)
    : callback_(std::move(callback)),
      started_(std::chrono::steady_clock::now()),
      next_call_ns_(kInterval.count()) {}

void ProgressMeter::set_total(std::optional<std::uint64_t> plain_bytes) noexcept {
  total_.store(plain_bytes.value_or(kUnknown), std::memory_order_relaxed);
}

void ProgressMeter::add(std::uint64_t plain_bytes, std::uint64_t stored_bytes) {
  plain_bytes_.fetch_add(plain_bytes);
  stored_bytes_.fetch_add(stored_bytes, std::memory_order_relaxed);
  if (!callback_) return;
  const Progress progress = now();
  if (progress.elapsed.count() < next_call_ns_.load(std::memory_order_relaxed)) return;
  const std::unique_lock lock(calling_, std::try_to_lock);
  if (!lock || progress.elapsed.count() < next_call_ns_.load(std::memory_order_relaxed)) return;
  next_call_ns_.store((progress.elapsed + kInterval).count(), std::memory_order_relaxed);
  callback_(progress);
}

void ProgressMeter::finish() {
  if (callback_) callback_(now());
}

Progress ProgressMeter::now() const noexcept {
  Progress progress;
  progress.bytes_done = plain_bytes_.load(std::memory_order_relaxed);
  progress.stored_bytes = stored_bytes_.load(std::memory_order_relaxed);
  if (const std::uint64_t total = total_.load(std::memory_order_relaxed); total != kUnknown)
    progress.bytes_total = total;
  progress.elapsed = std::chrono::steady_clock::now() - started_;
  return progress;
}

}  // namespace adapipe::inline v0_1
