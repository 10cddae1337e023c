#pragma once

#include <adapipe/error.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "graph/failure_latch.hpp"
#include "memory/chunk_slot.hpp"
#include "observe/operation_watch.hpp"

namespace adapipe::inline v0_1 {

/// A direction is a producer, a stage chain and a consumer. The flow graph and the serial runner
/// drive the same parts.

enum class ReadResult : std::uint8_t {
  filled,     ///< the slot holds the chunk
  would_wait  ///< the rest has to be read where waiting is allowed
};

/// Fills slots with chunks (process) or records (restore). May throw.
class Producer {
 public:
  virtual ~Producer() = default;

  /// The number of chunks, if every chunk can be read on its own, by slot.sequence, on any thread.
  /// Empty: a stream, read by next(), one call at a time.
  virtual std::optional<std::uint64_t> chunks() const noexcept = 0;

  /// The sequence number of the first one. Not 0 only if the consumer is not ordered.
  virtual std::uint64_t first_chunk() const noexcept { return 0; }

  /// Reads chunk slot.sequence. With `may_wait` it never says would_wait; called again after that,
  /// it goes on where it was.
  virtual ReadResult read(ChunkSlot& slot, bool may_wait) = 0;

  /// Reads the next chunk of a stream; false at the end, which has then been checked.
  virtual bool next(ChunkSlot& slot) = 0;

  /// Adds to an error where the chunk stands in the input.
  virtual void locate(Error& error, const ChunkSlot& slot) const = 0;
};

/// Takes finished slots. May throw.
class Consumer {
 public:
  virtual ~Consumer() = default;

  /// place() must see the chunks in order.
  virtual bool ordered() const noexcept = 0;
  /// write() must see the chunks in order, one at a time, where waiting is allowed. Else it is
  /// called from any thread, in any order. Implies ordered().
  virtual bool sequential() const noexcept = 0;
  /// The most threads that may call write() at once; 0: any number. Not if sequential().
  virtual std::size_t max_concurrent_writes() const noexcept = 0;

  /// O(1): what has to be known of all chunks before this one.
  virtual void place(ChunkSlot& slot) = 0;
  virtual void write(ChunkSlot& slot) = 0;

  /// Adds to an error where the chunk would stand in the output.
  virtual void locate(Error& error, const ChunkSlot& slot) const = 0;
};

/// Runs `work` on a chunk. What goes wrong becomes an Error, io_error if it is none yet, that says
/// where the chunk stands in the input or output that `part` knows.
template <typename Part, typename Work>
auto located(const Part& part, const ChunkSlot& slot, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    Error error = FailureLatch::current_exception_as_error(errc::io_error);
    part.locate(error, slot);
    throw error;
  }
}

/// The steps of a chunk that are not stages, as every runner does them: located, and watched.
inline ReadResult read_chunk(Producer& producer, ChunkSlot& slot, bool may_wait,
                             OperationWatch& watch) {
  const auto began = OperationWatch::Clock::now();
  const ReadResult result = located(producer, slot, [&] { return producer.read(slot, may_wait); });
  if (result == ReadResult::filled) watch.was_read(slot, {began, OperationWatch::Clock::now()});
  return result;
}

inline bool read_next_chunk(Producer& producer, ChunkSlot& slot, OperationWatch& watch) {
  const auto began = OperationWatch::Clock::now();
  const bool filled = located(producer, slot, [&] { return producer.next(slot); });
  if (filled) watch.was_read(slot, {began, OperationWatch::Clock::now()});
  return filled;
}

inline void write_chunk(Consumer& consumer, ChunkSlot& slot, OperationWatch& watch) {
  const auto began = OperationWatch::Clock::now();
  located(consumer, slot, [&] { consumer.write(slot); });
  watch.was_written(slot, {began, OperationWatch::Clock::now()});
}

}  // namespace adapipe::inline v0_1
