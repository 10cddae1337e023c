#pragma once

#include <adapipe/chunk.hpp>
#include <cstddef>

#include "api/pipeline_plan.hpp"
#include "graph/chunk_cost.hpp"

namespace adapipe::inline v0_1 {

/// What chunks of a pipeline cost on that many worker threads; else, on those of the plan's
/// Runtime.
ChunkCost chunk_cost(const PipelinePlan& plan, ChunkSize size, std::size_t worker_threads);
ChunkCost chunk_cost(const PipelinePlan& plan, ChunkSize size);

}  // namespace adapipe::inline v0_1
