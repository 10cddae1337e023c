#pragma once

#include <adapipe/report.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

namespace adapipe::inline v0_1 {

/// Counts what is done and calls the caller's callback now and then: at most ten times a second
/// and once at the end, never concurrently. Thread-safe.
class ProgressMeter {
 public:
  using Callback = std::function<void(const Progress&)>;

  explicit ProgressMeter(Callback callback);

  void set_total(std::optional<std::uint64_t> plain_bytes) noexcept;
  /// May throw what the callback throws.
  void add(std::uint64_t plain_bytes, std::uint64_t stored_bytes);
  /// The last call of the callback.
  void finish();
  /// Lets go of the callback, which must not be running.
  void drop_callback() noexcept { callback_ = nullptr; }
  Progress now() const noexcept;
  /// Sequentially consistent with add(), for who waits for it.
  std::uint64_t plain_bytes() const noexcept { return plain_bytes_.load(); }

 private:
  static constexpr std::uint64_t kUnknown = UINT64_MAX;

  Callback callback_;
  const std::chrono::steady_clock::time_point started_;
  std::atomic<std::uint64_t> total_{kUnknown};
  alignas(64) std::atomic<std::uint64_t> plain_bytes_{0};
  std::atomic<std::uint64_t> stored_bytes_{0};
  std::atomic<std::int64_t> next_call_ns_;  // since started_
  std::mutex calling_;
};

}  // namespace adapipe::inline v0_1
