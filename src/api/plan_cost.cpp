#include "api/plan_cost.hpp"

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

ChunkCost chunk_cost(const PipelinePlan& plan, ChunkSize size, std::size_t worker_threads) {
  return chunk_cost(forward_chain(plan), size.bytes(), worker_threads);
}

ChunkCost chunk_cost(const PipelinePlan& plan, ChunkSize size) {
  return chunk_cost(plan, size, runtime_of(plan).worker_threads());
}

}  // namespace adapipe::inline v0_1
