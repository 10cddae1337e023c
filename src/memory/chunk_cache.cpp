#include "memory/chunk_cache.hpp"

#include "memory/buffer_access.hpp"

namespace adapipe::inline v0_1 {

std::size_t CachedChunk::cost_bytes() const noexcept {
  constexpr std::size_t kNodes = 256;  // list, map, control block
  return BufferAccess::allocated_bytes(memory) + BufferAccess::kHeadroomBytes +
         BufferAccess::kTailroomBytes + kNodes;
}

std::uint64_t ChunkCache::add_container() noexcept {
  const std::lock_guard lock(mutex_);
  ++containers_;
  return ++containers_added_;
}

void ChunkCache::forget(std::uint64_t container) noexcept {
  std::list<Entry> dropped;  // freed without the lock
  const std::lock_guard lock(mutex_);
  --containers_;
  auto entry = by_key_.lower_bound({container, 0});
  while (entry != by_key_.end() && entry->first.container == container) {
    bytes_ -= entry->second->decoded->cost_bytes();
    dropped.splice(dropped.end(), by_use_, entry->second);
    entry = by_key_.erase(entry);
  }
}

ChunkCache::Found ChunkCache::find(const Key& key, bool wait) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) break;
    const auto entry = found->second;
    if (entry->decoded) {
      by_use_.splice(by_use_.begin(), by_use_, entry);
      if (wait) ++hits_;
      return {entry->decoded, Claim()};
    }
    if (!wait) return {};
    changed_.wait(lock);
  }
  claimed_.push_front({key, nullptr});
  try {
    by_key_.emplace(key, claimed_.begin());
  } catch (...) {
    claimed_.pop_front();
    throw;
  }
  if (wait) ++misses_;
  return {nullptr, Claim(*this, claimed_.begin())};
}

bool ChunkCache::contains(const Key& key) const {
  const std::lock_guard lock(mutex_);
  return by_key_.contains(key);
}

std::size_t ChunkCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

ChunkCache::Use ChunkCache::use() const {
  const std::lock_guard lock(mutex_);
  return {.bytes = bytes_, .hits = hits_, .misses = misses_};
}

std::size_t ChunkCache::containers() const {
  const std::lock_guard lock(mutex_);
  return containers_;
}

void ChunkCache::Claim::fill(std::shared_ptr<const CachedChunk> decoded) noexcept {
  ChunkCache& cache = *std::exchange(cache_, nullptr);
  std::list<Entry> dropped;  // freed without the lock
  const std::lock_guard lock(cache.mutex_);
  cache.bytes_ += decoded->cost_bytes();
  entry_->decoded = std::move(decoded);
  cache.by_use_.splice(cache.by_use_.begin(), cache.claimed_, entry_);
  while (cache.bytes_ > cache.max_bytes_ && cache.by_use_.size() > 1) {
    const auto oldest = std::prev(cache.by_use_.end());
    cache.bytes_ -= oldest->decoded->cost_bytes();
    cache.by_key_.erase(oldest->key);
    dropped.splice(dropped.end(), cache.by_use_, oldest);
  }
  cache.changed_.notify_all();
}

ChunkCache::Claim::~Claim() {
  if (!cache_) return;
  const std::lock_guard lock(cache_->mutex_);
  cache_->by_key_.erase(entry_->key);
  cache_->claimed_.erase(entry_);
  cache_->changed_.notify_all();
}

}  // namespace adapipe::inline v0_1
