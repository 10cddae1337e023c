#pragma once

#include <adapipe/chunk.hpp>
#include <compare>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

namespace adapipe::inline v0_1 {

/// A decoded chunk; whoever holds it may go on reading after the cache has dropped it.
struct CachedChunk {
  Buffer memory;
  std::span<const std::byte> data;  // within memory

  /// All that an entry takes, roughly.
  std::size_t cost_bytes() const noexcept;
};

/// The decoded chunks used last, of any number of containers, within a byte budget; the newest one
/// is kept even if it alone is larger. Whoever is to decode a chunk has a claim on it, so that
/// nobody else does the same meanwhile. Thread-safe.
class ChunkCache {
  struct Entry;

 public:
  struct Key {
    std::uint64_t container;  // see add_container()
    std::uint64_t chunk;
    auto operator<=>(const Key&) const = default;
  };

  /// Only who holds one fills the entry; one that ends unfilled lets the next one try. Must not
  /// outlive the cache.
  class Claim {
   public:
    Claim() noexcept = default;
    Claim(Claim&& other) noexcept
        : cache_(std::exchange(other.cache_, nullptr)), entry_(other.entry_) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim();

    explicit operator bool() const noexcept { return cache_ != nullptr; }
    void fill(std::shared_ptr<const CachedChunk> decoded) noexcept;

   private:
    friend class ChunkCache;
    Claim(ChunkCache& cache, std::list<Entry>::iterator entry) noexcept
        : cache_(&cache), entry_(entry) {}
    ChunkCache* cache_ = nullptr;
    std::list<Entry>::iterator entry_{};
  };

  struct Found {
    std::shared_ptr<const CachedChunk> decoded{};
    Claim claim{};
  };

  explicit ChunkCache(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  /// A number for one more container, until forget().
  std::uint64_t add_container() noexcept;
  /// Drops its chunks, none of which may be claimed.
  void forget(std::uint64_t container) noexcept;

  /// The chunk, or the claim on it. While somebody else has that: waits, or with `wait` false
  /// returns neither.
  Found find(const Key& key, bool wait);
  /// Whether it is there or claimed.
  bool contains(const Key& key) const;

  std::size_t max_bytes() const noexcept { return max_bytes_; }
  std::size_t bytes() const;
  struct Use {
    std::size_t bytes = 0;
    // Of who would wait for the chunk; not of who decodes ahead.
    std::uint64_t hits = 0;    ///< find() gave it
    std::uint64_t misses = 0;  ///< find() gave the claim on it
  };
  Use use() const;
  std::size_t containers() const;

 private:
  struct Entry {
    Key key;
    std::shared_ptr<const CachedChunk> decoded;  // none: claimed
  };

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t containers_added_ = 0;
  std::size_t containers_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
  std::list<Entry> by_use_;  // newest first
  std::list<Entry> claimed_;
  std::map<Key, std::list<Entry>::iterator> by_key_;
};

}  // namespace adapipe::inline v0_1
