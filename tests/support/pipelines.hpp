#pragma once

#include <adapipe/pipeline.hpp>
#include <adapipe/runtime.hpp>
#include <adapipe/stages.hpp>
#include <cstddef>
#include <memory>
#include <utility>

namespace adapipe::testing {

/// Small, so that little data makes many chunks.
inline constexpr std::size_t kChunk = 4096;

/// Of one stage, with chunks of kChunk bytes.
inline Pipeline pipeline_on(const Runtime& runtime, std::shared_ptr<const Stage> stage = zstd()) {
  return Pipeline::Builder()
      .add(std::move(stage))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

}  // namespace adapipe::testing
