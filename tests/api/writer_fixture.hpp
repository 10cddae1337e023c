#pragma once

#include <adapipe/adapipe.hpp>
#include <cstddef>

#include "support/bytes.hpp"
#include "support/stages.hpp"

namespace adapipe::testing {

constexpr std::size_t kChunk = 4096;

inline Pipeline pipeline_on(const Runtime& runtime) {
  return Pipeline::Builder()
      .add(xor_stage())
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

inline const StageRegistry& registry() {
  static const StageRegistry stages = registry_of({xor_stage()});
  return stages;
}

inline Bytes restored(const Bytes& sealed) {
  Bytes back;
  restore(Source::memory(sealed), Sink::memory(back), {.registry = registry()});
  return back;
}

}  // namespace adapipe::testing
