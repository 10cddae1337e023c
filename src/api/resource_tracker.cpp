#include <adapipe/concurrency.hpp>

namespace adapipe::inline v0_1 {

/// On a cache line of its own: who counts tasks does not disturb who counts bytes.
struct alignas(64) ResourceTracker::Guard::Counter {
  std::atomic<std::size_t> in_use{0};
  std::atomic<std::size_t> peak{0};
  std::size_t limit = 0;
};

ResourceTracker::ResourceTracker(const ResourceLimits& limits)
    : counters_(std::make_unique<Guard::Counter[]>(3)) {
  counter(Resource::memory_bytes).limit = limits.memory_bytes;
  counter(Resource::tasks).limit = limits.tasks;
  counter(Resource::file_handles).limit = limits.file_handles;
}

ResourceTracker::~ResourceTracker() = default;

ResourceTracker::Guard::Counter& ResourceTracker::counter(Resource resource) const noexcept {
  return counters_[static_cast<std::size_t>(resource)];
}

std::optional<ResourceTracker::Guard> ResourceTracker::try_acquire(Resource resource,
                                                                   std::size_t amount) noexcept {
  Guard::Counter& counter = this->counter(resource);
  std::size_t used = counter.in_use.load(std::memory_order_relaxed);
  do {
    if (amount > counter.limit - used) return std::nullopt;
  } while (!counter.in_use.compare_exchange_weak(used, used + amount, std::memory_order_relaxed));
  std::size_t peak = counter.peak.load(std::memory_order_relaxed);
  while (peak < used + amount &&
         !counter.peak.compare_exchange_weak(peak, used + amount, std::memory_order_relaxed)) {
  }
  return Guard(counter, amount);
}

std::size_t ResourceTracker::in_use(Resource resource) const noexcept {
  return counter(resource).in_use.load(std::memory_order_relaxed);
}

std::size_t ResourceTracker::peak(Resource resource) const noexcept {
  return counter(resource).peak.load(std::memory_order_relaxed);
}

std::size_t ResourceTracker::limit(Resource resource) const noexcept {
  return counter(resource).limit;
}

ResourceTracker::Guard& ResourceTracker::Guard::operator=(Guard&& other) noexcept {
  if (this == &other) return *this;
  release();
  counter_ = std::exchange(other.counter_, nullptr);
  amount_ = other.amount_;
  return *this;
}

void ResourceTracker::Guard::release() noexcept {
  if (Counter* const counter = std::exchange(counter_, nullptr))
    counter->in_use.fetch_sub(amount_, std::memory_order_relaxed);
}

}  // namespace adapipe::inline v0_1
