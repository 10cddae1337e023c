#include <adapipe/metrics.hpp>
#include <algorithm>
#include <numeric>

namespace adapipe::inline v0_1 {

Observer::~Observer() = default;
void Observer::operation_started(std::uint64_t, OperationKind) noexcept {}
void Observer::step_ended(const StepEvent&) noexcept {}
void Observer::operation_ended(std::uint64_t, const Error*) noexcept {}

std::string_view name_of(OperationKind kind) noexcept {
  switch (kind) {
    case OperationKind::process:
      return "process";
    case OperationKind::restore:
      return "restore";
    case OperationKind::verify:
      return "verify";
    case OperationKind::read:
      return "read";
    case OperationKind::reader:
      return "reader";
  }
  return "unknown";
}

std::uint64_t DurationHistogram::count() const noexcept {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::chrono::nanoseconds DurationHistogram::quantile(double q) const noexcept {
  const double rank = q > 0 ? std::min(q, 1.0) * static_cast<double>(count()) : 0;  // q: or NaN
  double below = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here == 0 || below + here < rank) {
      below += here;
      continue;
    }
    const double low = i == 0 ? 0 : static_cast<double>(bound(i - 1).count());
    if (i == kBuckets - 1) return bound(i - 1);
    const double high = static_cast<double>(bound(i).count());
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(low + (high - low) * (rank - below) / here));
  }
  return {};
}

std::uint64_t OperationMetrics::running() const noexcept {
  return started - succeeded - std::accumulate(failed.begin(), failed.end(), std::uint64_t{0});
}

}  // namespace adapipe::inline v0_1
