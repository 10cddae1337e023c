#include "memory/chunk_cache.hpp"

#include <utility>

#include "memory/buffer_access.hpp"

namespace adapipe::inline v0_1 {

std::size_t CachedChunk::cost_bytes() const noexcept {
  constexpr std::size_t kNodes = 256;  // list, map, control block
  return BufferAccess::allocated_bytes(memory) + BufferAccess::kHeadroomBytes +
         BufferAccess::kTailroomBytes + kNodes;
}

std::shared_ptr<const CachedChunk> ChunkCache::find(std::uint64_t chunk) {
  const std::lock_guard lock(mutex_);
  const auto found = by_chunk_.find(chunk);
  if (found == by_chunk_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->decoded;
}

void ChunkCache::insert(std::uint64_t chunk, std::shared_ptr<const CachedChunk> decoded) {
  const std::lock_guard lock(mutex_);
  if (by_chunk_.contains(chunk)) return;  // another thread was faster
  bytes_ += decoded->cost_bytes();
  by_use_.push_front({chunk, std::move(decoded)});
  by_chunk_.emplace(chunk, by_use_.begin());
  while (bytes_ > max_bytes_ && by_use_.size() > 1) {
    bytes_ -= by_use_.back().decoded->cost_bytes();
    by_chunk_.erase(by_use_.back().chunk);
    by_use_.pop_back();
  }
}

}  // namespace adapipe::inline v0_1
