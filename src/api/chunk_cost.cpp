#include "api/chunk_cost.hpp"

#include <algorithm>
#include <cstdint>

#include "api/process_job.hpp"
#include "graph/stage_chain.hpp"

namespace adapipe::inline v0_1 {

namespace {

StageChain forward_chain(const PipelinePlan& plan) {
  if (plan.container != Container::adapipe) return {Direction::forward, plan.stages};
  RecordKeys keys;
  keys.integrity = plan.cipher ? Integrity::aead : Integrity::checksum;
  return {Direction::forward, plan.stages, std::move(keys), Header()};
}

}  // namespace

std::size_t ChunkCost::bytes_for(std::size_t chunks) const noexcept {
  if (chunks > SIZE_MAX / (slot_bytes + worker_bytes)) return SIZE_MAX;
  return chunks * slot_bytes + std::min(chunks, workers) * worker_bytes;
}

std::size_t ChunkCost::most_within(std::size_t memory_bytes) const noexcept {
  const std::size_t with_a_worker_each = memory_bytes / (slot_bytes + worker_bytes);
  if (with_a_worker_each < workers) return with_a_worker_each;
  return (memory_bytes - workers * worker_bytes) / slot_bytes;
}

ChunkCost chunk_cost(const PipelinePlan& plan, ChunkSize size, std::size_t worker_threads) {
  const StageChain chain = forward_chain(plan);
  return {.slot_bytes = chain.slot_bytes(size.bytes()),
          .worker_bytes = chain.worker_bytes(size.bytes()),
          .workers = worker_threads};
}

ChunkCost chunk_cost(const PipelinePlan& plan, ChunkSize size) {
  return chunk_cost(plan, size, runtime_of(plan).worker_threads());
}

}  // namespace adapipe::inline v0_1
