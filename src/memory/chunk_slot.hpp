#pragma once

#include <adapipe/chunk.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace adapipe::inline v0_1 {

/// One chunk on its way through the engine, with its two buffers: a stage reads one and writes the
/// other. Used by one thread at a time; handed on through the graph.
struct ChunkSlot {
  std::uint64_t sequence = 0;       ///< number of the chunk, from 0
  std::uint64_t plain_offset = 0;   ///< of the chunk in the plain stream
  std::uint64_t record_offset = 0;  ///< of its record in the container
  std::uint32_t plain_bytes = 0;
  std::uint64_t stored_bytes = 0;  ///< in the container, without a record header
  std::uint16_t skipped = 0;       ///< bit i: stage i passed the chunk through
  std::size_t filled_bytes = 0;    ///< how much of the input is in the front buffer so far
  bool poisoned = false;           ///< carries no data; it travels on only to be counted
  std::span<std::byte> data{};     ///< the chunk's bytes as they are now, in front()
  // For who watches the operation: when the chunk was begun, and when its latest step ended.
  std::chrono::steady_clock::time_point begun_at{};
  std::chrono::steady_clock::time_point ready_at{};

  Buffer& front() noexcept { return buffers_[front_]; }
  Buffer& back() noexcept { return buffers_[1 - front_]; }
  void swap_buffers() noexcept { front_ = 1 - front_; }

  /// Ready for the next chunk; the buffers keep their memory.
  void restart(std::uint64_t next_sequence) noexcept;
  std::size_t allocated_bytes() const noexcept;

 private:
  Buffer buffers_[2];
  int front_ = 0;
};

/// The slots of one operation. Last returned, first taken, so that warm memory is used again and
/// slots that are not needed are never touched. Thread-safe; the lock is held for a few
/// instructions per chunk.
class SlotPool {
 public:
  explicit SlotPool(std::size_t slots);

  /// There must be a free one: the limiter in front of the pool sees to that.
  ChunkSlot& take();
  void give(ChunkSlot& slot) noexcept;

  std::size_t size() const noexcept { return slots_.size(); }
  std::size_t free_slots() const;
  /// Bytes in the buffers of all slots. Only while no slot is taken.
  std::size_t allocated_bytes() const noexcept;

 private:
  std::vector<ChunkSlot> slots_;
  mutable std::mutex mutex_;
  std::vector<ChunkSlot*> free_;
};

}  // namespace adapipe::inline v0_1
