#pragma once

#include "graph/parts.hpp"
#include "graph/run_control.hpp"
#include "graph/stage_chain.hpp"

namespace adapipe::inline v0_1 {

/// Drives the parts of one operation on the calling thread, chunk after chunk, without oneTBB. It
/// is what Runtime::serial() runs, and the oracle that the flow graph is tested against. Failures
/// go to control.fail(); control.drained() is not called.
void run_serially(Producer& producer, const StageChain& chain, Consumer& consumer, ChunkSlot& slot,
                  ChainWorkers& workers, RunControl& control) noexcept;

}  // namespace adapipe::inline v0_1
