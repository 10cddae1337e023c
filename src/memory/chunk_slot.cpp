#include "memory/chunk_slot.hpp"

#include "memory/buffer_access.hpp"

namespace adapipe::inline v0_1 {

void ChunkSlot::restart(std::uint64_t next_sequence) noexcept {
  sequence = next_sequence;
  plain_offset = record_offset = stored_bytes = 0;
  plain_bytes = 0;
  skipped = 0;
  filled_bytes = 0;
  poisoned = false;
  data = {};
  begun_at = ready_at = std::chrono::steady_clock::now();
}

std::size_t ChunkSlot::allocated_bytes() const noexcept {
  return BufferAccess::allocated_bytes(buffers_[0]) + BufferAccess::allocated_bytes(buffers_[1]);
}

SlotPool::SlotPool(std::size_t slots) : slots_(slots) {
  free_.reserve(slots);
  for (ChunkSlot& slot : slots_) free_.push_back(&slot);
}

ChunkSlot& SlotPool::take() {
  const std::lock_guard lock(mutex_);
  ChunkSlot* const slot = free_.back();
  free_.pop_back();
  return *slot;
}

void SlotPool::give(ChunkSlot& slot) noexcept {
  const std::lock_guard lock(mutex_);
  free_.push_back(&slot);
}

std::size_t SlotPool::free_slots() const {
  const std::lock_guard lock(mutex_);
  return free_.size();
}

std::size_t SlotPool::allocated_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const ChunkSlot& slot : slots_) bytes += slot.allocated_bytes();
  return bytes;
}

}  // namespace adapipe::inline v0_1
