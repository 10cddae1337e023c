#pragma once

#include <cstddef>

#include "graph/stage_chain.hpp"

namespace adapipe::inline v0_1 {

/// What the chunks of an operation take of the Runtime's budget.
struct ChunkCost {
  std::size_t slot_bytes = 0;    ///< both buffers of a chunk
  std::size_t worker_bytes = 0;  ///< contexts of a worker thread
  std::size_t workers = 1;

  /// SIZE_MAX if it is more.
  std::size_t bytes_for(std::size_t chunks) const noexcept;
  /// The most chunks that fit.
  std::size_t most_within(std::size_t memory_bytes) const noexcept;
};

/// Of chunks of up to `chunk_bytes` plain bytes.
ChunkCost chunk_cost(const StageChain& chain, std::size_t chunk_bytes, std::size_t workers);

}  // namespace adapipe::inline v0_1
