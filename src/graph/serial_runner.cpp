#include "graph/serial_runner.hpp"

#include <optional>
#include <utility>

#include "graph/failure_latch.hpp"

namespace adapipe::inline v0_1 {

SerialRunner::SerialRunner(Producer& producer, const StageChain& chain, Consumer& consumer,
                           ChunkSlot& slot, ChainWorkers& workers, RunControl& control,
                           OperationWatch& watch)
    : producer_(producer),
      chain_(chain),
      consumer_(consumer),
      slot_(slot),
      control_(control),
      watch_(watch),
      worker_(workers, 0),
      sequence_(producer.first_chunk()) {}

bool SerialRunner::run_chunk() noexcept {
  if (control_.failed()) return false;
  slot_.restart(sequence_);
  watch_.chunk_begins();
  slot_.poisoned = !pass_through();
  watch_.chunk_ends(slot_);
  if (slot_.poisoned) return false;
  ++sequence_;
  return true;
}

bool SerialRunner::pass_through() noexcept {
  try {
    if (!read()) return false;
    located(producer_, slot_, [this] {
      for (const StepGroup& group : chain_.groups()) worker_->run(group, slot_);
    });
    if (consumer_.ordered()) consumer_.place(slot_);
    write_chunk(consumer_, slot_, watch_);
    control_.chunk_done(slot_);
  } catch (...) {
    Error error = FailureLatch::current_exception_as_error(errc::io_error);
    error.at_chunk(sequence_);
    control_.fail(std::move(error));
    return false;
  }
  return true;
}

bool SerialRunner::read() {
  const std::optional<std::uint64_t> chunks = producer_.chunks();
  if (!chunks) return read_next_chunk(producer_, slot_, watch_);
  if (slot_.sequence == producer_.first_chunk() + *chunks) return false;
  return read_chunk(producer_, slot_, true, watch_) == ReadResult::filled;
}

}  // namespace adapipe::inline v0_1
