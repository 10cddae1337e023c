#pragma once

#include <adapipe/chunk.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>

namespace adapipe::inline v0_1 {

/// A decoded chunk; whoever holds it may go on reading after the cache has dropped it.
struct CachedChunk {
  Buffer memory;
  std::span<const std::byte> data;  // within memory

  /// All that an entry takes, roughly.
  std::size_t cost_bytes() const noexcept;
};

/// The decoded chunks used last, within a byte budget; the newest one is kept even if it alone is
/// larger. Thread-safe.
class ChunkCache {
 public:
  explicit ChunkCache(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  /// nullptr if it is not there.
  std::shared_ptr<const CachedChunk> find(std::uint64_t chunk);
  void insert(std::uint64_t chunk, std::shared_ptr<const CachedChunk> decoded);

 private:
  struct Entry {
    std::uint64_t chunk;
    std::shared_ptr<const CachedChunk> decoded;
  };

  const std::size_t max_bytes_;
  std::mutex mutex_;
  std::size_t bytes_ = 0;
  std::list<Entry> by_use_;  // newest first
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_chunk_;
};

}  // namespace adapipe::inline v0_1
