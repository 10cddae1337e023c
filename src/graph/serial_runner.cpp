#include "graph/serial_runner.hpp"

#include <optional>
#include <utility>

#include "graph/failure_latch.hpp"

namespace adapipe::inline v0_1 {

SerialRunner::SerialRunner(Producer& producer, const StageChain& chain, Consumer& consumer,
                           ChunkSlot& slot, ChainWorkers& workers, RunControl& control)
    : producer_(producer),
      chain_(chain),
      consumer_(consumer),
      slot_(slot),
      control_(control),
      worker_(workers, 0),
      sequence_(producer.first_chunk()) {}

bool SerialRunner::run_chunk() noexcept {
  if (control_.failed()) return false;
  slot_.restart(sequence_);
  try {
    if (!located(producer_, slot_, [this] { return read_chunk(); })) return false;
    located(producer_, slot_, [this] {
      for (const StepGroup& group : chain_.groups()) worker_->run(group, slot_);
    });
    if (consumer_.ordered()) consumer_.place(slot_);
    located(consumer_, slot_, [this] { consumer_.write(slot_); });
    control_.chunk_done(slot_);
  } catch (...) {
    Error error = FailureLatch::current_exception_as_error(errc::io_error);
    error.at_chunk(sequence_);
    control_.fail(std::move(error));
    return false;
  }
  ++sequence_;
  return true;
}

bool SerialRunner::read_chunk() {
  const std::optional<std::uint64_t> chunks = producer_.chunks();
  if (!chunks) return producer_.next(slot_);
  if (slot_.sequence == producer_.first_chunk() + *chunks) return false;
  producer_.read(slot_, true);
  return true;
}

}  // namespace adapipe::inline v0_1
