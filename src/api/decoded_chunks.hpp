#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "graph/runtime_impl.hpp"
#include "graph/stage_chain.hpp"
#include "graph/stored_reader.hpp"
#include "memory/chunk_cache.hpp"

namespace adapipe::inline v0_1 {

/// The decoded chunks of one container, by way of a cache. Who wants one that is not there decodes
/// it, on its own thread; others who want it at that moment wait for that.
///
/// Decoding ahead, the workers of the Runtime do the same before anybody asks. A worker claims a
/// chunk when it has the record in memory and can do the rest without waiting for anything, so that
/// who waits for a chunk never waits for a Runtime that has other things to do.
///
/// Thread-safe. The destructor waits for what is being decoded ahead; what was only queued for it
/// never touches the container again. Not to be destroyed in a child of fork(), where what is being
/// decoded never ends.
class DecodedChunks {
 public:
  /// `cache_bytes`: of a cache of its own; empty: the runtime's. `chunk_bytes`: of the chunks, as a
  /// rule. Borrows reader and runtime.
  DecodedChunks(const IndexedReader& reader, std::size_t chunk_bytes, RuntimeImpl& runtime,
                std::optional<std::size_t> cache_bytes);
  ~DecodedChunks();
  DecodedChunks(const DecodedChunks&) = delete;

  /// Throws Error with the chunk.
  std::shared_ptr<const CachedChunk> get(std::uint64_t chunk);

  /// Has the chunks from `first` on decoded by the workers, as far as ahead_bytes() reaches and the
  /// memory budget has room.
  void decode_ahead(std::uint64_t first) noexcept;
  /// Plain bytes, 0 if the cache has no room for them.
  std::uint64_t ahead_bytes() const noexcept;

 private:
  struct Ahead;
  class Turn;

  ChunkCache::Key key(std::uint64_t chunk) const noexcept { return {container_number_, chunk}; }
  ReadResult read(ChunkSlot& slot, bool may_wait);
  std::shared_ptr<const CachedChunk> decode(ChunkSlot& slot, ChunkCache::Claim claim);
  void start_ahead(std::uint64_t chunk);
  void read_ahead(const std::shared_ptr<Turn>& turn);
  void finish_ahead(const std::shared_ptr<Turn>& turn);

  const IndexedReader& reader_;
  const std::uint64_t chunk_bytes_;
  RuntimeImpl& runtime_;
  OperationWatch watch_;
  ChainWorkers workers_;
  std::optional<ChunkCache> own_cache_;
  ChunkCache& cache_;
  std::uint64_t container_number_ = 0;
  const std::shared_ptr<Ahead> ahead_;
};

}  // namespace adapipe::inline v0_1
