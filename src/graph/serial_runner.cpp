#include "graph/serial_runner.hpp"

#include <utility>

#include "graph/failure_latch.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// false at the end.
bool read_chunk(Producer& producer, ChunkSlot& slot) {
  const std::optional<std::uint64_t> chunks = producer.chunks();
  if (!chunks) return producer.next(slot);
  if (slot.sequence == *chunks) return false;
  producer.read(slot, true);
  return true;
}

}  // namespace

void run_serially(Producer& producer, const StageChain& chain, Consumer& consumer, ChunkSlot& slot,
                  ChainWorkers& workers, RunControl& control) noexcept {
  std::uint64_t sequence = 0;
  try {
    const ChainWorkers::Lease worker(workers, 0);
    for (; !control.failed(); ++sequence) {
      slot.restart(sequence);
      if (!read_chunk(producer, slot)) return;
      try {
        for (const StepGroup& group : chain.groups()) worker->run(group, slot);
      } catch (Error& error) {
        producer.locate(error, slot);
        throw;
      }
      if (consumer.ordered()) consumer.place(slot);
      consumer.write(slot);
      control.chunk_done(slot);
    }
  } catch (...) {
    Error error = FailureLatch::current_exception_as_error(errc::io_error);
    error.at_chunk(sequence);
    control.fail(std::move(error));
  }
}

}  // namespace adapipe::inline v0_1
