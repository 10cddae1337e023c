#include "graph/chunk_cost.hpp"

#include <algorithm>
#include <cstdint>

namespace adapipe::inline v0_1 {

std::size_t ChunkCost::bytes_for(std::size_t chunks) const noexcept {
  const std::size_t each = std::max<std::size_t>(slot_bytes + worker_bytes, 1);
  if (chunks > SIZE_MAX / each) return SIZE_MAX;
  return chunks * slot_bytes + std::min(chunks, workers) * worker_bytes;
}

std::size_t ChunkCost::most_within(std::size_t memory_bytes) const noexcept {
  const std::size_t each = std::max<std::size_t>(slot_bytes + worker_bytes, 1);
  const std::size_t with_a_worker_each = memory_bytes / each;
  if (with_a_worker_each < workers) return with_a_worker_each;
  return (memory_bytes - workers * worker_bytes) / std::max<std::size_t>(slot_bytes, 1);
}

ChunkCost chunk_cost(const StageChain& chain, std::size_t chunk_bytes, std::size_t workers) {
  return {.slot_bytes = chain.slot_bytes(chunk_bytes),
          .worker_bytes = chain.worker_bytes(chunk_bytes),
          .workers = workers};
}

}  // namespace adapipe::inline v0_1
