#pragma once

#include <adapipe/chunk.hpp>
#include <adapipe/pipeline.hpp>
#include <cstddef>

#include "api/pipeline_plan.hpp"

namespace adapipe::inline v0_1 {

/// What the chunks of a pipeline take of the Runtime's budget.
struct ChunkCost {
  std::size_t slot_bytes = 0;    ///< both buffers of a chunk
  std::size_t worker_bytes = 0;  ///< contexts of a worker thread
  std::size_t workers = 1;

  /// SIZE_MAX if it is more.
  std::size_t bytes_for(std::size_t chunks) const noexcept;
  /// The most chunks that fit.
  std::size_t most_within(std::size_t memory_bytes) const noexcept;
};

/// On that many worker threads; else, on those of the plan's Runtime.
ChunkCost chunk_cost(const PipelinePlan& plan, ChunkSize size, std::size_t worker_threads);
ChunkCost chunk_cost(const PipelinePlan& plan, ChunkSize size);

}  // namespace adapipe::inline v0_1
