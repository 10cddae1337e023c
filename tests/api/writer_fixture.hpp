#pragma once

#include <adapipe/adapipe.hpp>
#include <cstddef>

#include "support/bytes.hpp"
#include "support/pipelines.hpp"
#include "support/stages.hpp"

namespace adapipe::testing {

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
