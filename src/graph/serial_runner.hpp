#pragma once

#include <cstdint>

#include "graph/parts.hpp"
#include "graph/run_control.hpp"
#include "graph/stage_chain.hpp"

namespace adapipe::inline v0_1 {

/// Drives the parts of one operation on the calling thread, chunk after chunk, without oneTBB. It
/// is what Runtime::serial() runs, and the oracle that the flow graph is tested against. Failures
/// go to control.fail(); control.drained() is not called.
class SerialRunner {
 public:
  SerialRunner(Producer& producer, const StageChain& chain, Consumer& consumer, ChunkSlot& slot,
               ChainWorkers& workers, RunControl& control, OperationWatch& watch);

  /// false: there is no further chunk, or the operation has failed.
  bool run_chunk() noexcept;

 private:
  /// The whole way of the slot's chunk; false as above.
  bool pass_through() noexcept;
  bool read();

  Producer& producer_;
  const StageChain& chain_;
  Consumer& consumer_;
  ChunkSlot& slot_;
  RunControl& control_;
  OperationWatch& watch_;
  const ChainWorkers::Lease worker_;
  std::uint64_t sequence_;
};

}  // namespace adapipe::inline v0_1
