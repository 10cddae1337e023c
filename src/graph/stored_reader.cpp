#include "graph/stored_reader.hpp"

#include <adapipe/error.hpp>
#include <algorithm>

#include "io/checked_read.hpp"
#include "util/stop.hpp"

namespace adapipe::inline v0_1 {

std::size_t IndexedReader::largest_chunk_bytes() const {
  std::size_t largest = 0;
  for (std::uint64_t number = 0; number < *chunks(); ++number)
    largest = std::max<std::size_t>(largest, chunk(number).plain_bytes);
  return largest;
}

ReadResult IndexedReader::read_chunk(ChunkSlot& slot, bool may_wait) const {
  const StoredChunk stored = chunk(slot.sequence);
  if (slot.filled_bytes == 0) {
    slot.plain_offset = stored.plain_offset;
    slot.record_offset = stored.offset;
    slot.data = make_room(slot, stored);
  }
  while (slot.filled_bytes < slot.data.size()) {
    throw_if_stopped(stop_);
    const std::uint64_t offset = slot.record_offset + slot.filled_bytes;
    const std::span<std::byte> rest = slot.data.subspan(slot.filled_bytes);
    const std::optional<std::size_t> got = checked_read_at(source_, offset, rest, may_wait);
    if (!got) return ReadResult::would_wait;
    if (*got == 0)
      throw Error(errc::truncated, "became shorter while it was read").at_offset(offset);
    slot.filled_bytes += *got;
  }
  accept(slot, stored);
  return ReadResult::filled;
}

void IndexedReader::locate(Error& error, const ChunkSlot& slot) const {
  error.in_file(source_.name()).at_offset(slot.record_offset);
}

StoredReader::Totals IndexedReader::finish() {
  return {.chunks = *chunks(), .plain_bytes = plain_total(), .stored_bytes = source_.total_bytes()};
}

std::uint64_t IndexedReader::chunk_at(std::uint64_t plain_offset) const noexcept {
  std::uint64_t at = 0;
  for (std::uint64_t after = *chunks(); after - at > 1;) {
    const std::uint64_t middle = at + (after - at) / 2;
    (chunk(middle).plain_offset <= plain_offset ? at : after) = middle;
  }
  return at;
}

}  // namespace adapipe::inline v0_1
