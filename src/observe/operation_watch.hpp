#pragma once

#include <adapipe/error.hpp>
#include <adapipe/observer.hpp>
#include <adapipe/stage.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "memory/chunk_slot.hpp"
#include "observe/counters.hpp"

namespace adapipe::inline v0_1 {

/// Tells the Runtime's counters, and its observer, what becomes of one operation and its chunks.
/// The functions about chunks are thread-safe, each chunk in one thread at a time.
class OperationWatch {
 public:
  using Clock = std::chrono::steady_clock;

  OperationWatch(Counters& counters, OperationKind kind) noexcept;
  OperationWatch(const OperationWatch&) = delete;

  /// Before the first chunk: which stages there are, in the order in which they run.
  void set_stages(Direction direction, std::vector<std::string> names);

  void started() noexcept;
  /// Once, after all else.
  void ended(const Error* error) noexcept;
  void waited_for_place(std::chrono::nanoseconds time) noexcept;
  void waited_for_memory(std::chrono::nanoseconds time) noexcept;

  void chunk_begins() noexcept;
  /// With data or without; the slot's memory may be used again.
  void chunk_ends(const ChunkSlot& slot) noexcept;

  struct Span {
    Clock::time_point began;
    Clock::time_point ended;
  };
  void was_read(ChunkSlot& slot, Span span) noexcept;
  void was_staged(ChunkSlot& slot, std::size_t stage, std::size_t bytes_in, Span span) noexcept;
  void was_written(ChunkSlot& slot, Span span) noexcept;

 private:
  struct StepKind {
    Step step;
    std::string stage;
    Sharded<StepCounts>* counts;
  };
  void step_ended(const StepKind& kind, ChunkSlot& slot, std::size_t bytes_in,
                  const Span& span) noexcept;

  Counters& counters_;
  const OperationKind kind_;
  const std::uint64_t number_;
  Clock::time_point started_{};
  std::vector<StepKind> steps_;  // the stages, then read and write
};

}  // namespace adapipe::inline v0_1
