#include "graph/process_parts.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <string>
#include <utility>

#include "graph/push_source.hpp"
#include "io/checked_read.hpp"
#include "memory/buffer_access.hpp"
#include "util/endian.hpp"
#include "util/stop.hpp"

namespace adapipe::inline v0_1 {

PlainReader::PlainReader(SourceImpl& source, std::uint32_t chunk_bytes, std::stop_token stop)
    : source_(source),
      positional_(dynamic_cast<PositionalSourceImpl*>(&source)),
      chunk_bytes_(chunk_bytes),
      total_bytes_(source.size()),
      is_pushed_(dynamic_cast<PushSource*>(&source) != nullptr),
      stop_(std::move(stop)) {}

std::optional<std::uint64_t> PlainReader::chunks() const noexcept {
  if (!positional_) return std::nullopt;
  return *total_bytes_ / chunk_bytes_ + (*total_bytes_ % chunk_bytes_ != 0);
}

ReadResult PlainReader::read(ChunkSlot& slot, bool may_wait) {
  slot.plain_offset = slot.sequence * chunk_bytes_;
  const std::size_t bytes =
      std::min<std::uint64_t>(chunk_bytes_, *total_bytes_ - slot.plain_offset);
  Buffer& buffer = slot.front();
  if (slot.filled_bytes == 0) BufferAccess::allocate(buffer, bytes);
  while (slot.filled_bytes < bytes) {
    throw_if_stopped(stop_);
    const std::uint64_t offset = slot.plain_offset + slot.filled_bytes;
    const std::span<std::byte> rest(buffer.data() + slot.filled_bytes, bytes - slot.filled_bytes);
    const std::optional<std::size_t> got = checked_read_at(*positional_, offset, rest, may_wait);
    if (!got) return ReadResult::would_wait;
    if (*got == 0)
      throw Error(errc::io_error, "became shorter while it was read").at_offset(offset);
    slot.filled_bytes += *got;
  }
  slot.plain_bytes = static_cast<std::uint32_t>(bytes);
  slot.data = {buffer.data(), bytes};
  return ReadResult::filled;
}

bool PlainReader::next(ChunkSlot& slot) {
  if (ended_) return false;
  slot.plain_offset = next_offset_;
  // A stream that knows its size gets no more room than that, and one byte that shows if it errs.
  const std::uint64_t rest = total_bytes_.value_or(UINT64_MAX) - slot.plain_offset;
  const std::size_t room = rest < chunk_bytes_ ? static_cast<std::size_t>(rest) + 1 : chunk_bytes_;
  Buffer& buffer = slot.front();
  BufferAccess::allocate(buffer, room);
  while (slot.filled_bytes < room) {
    throw_if_stopped(stop_);
    const std::size_t got =
        checked_read(source_, {buffer.data() + slot.filled_bytes, room - slot.filled_bytes});
    if (got == 0) {
      ended_ = true;
      break;
    }
    slot.filled_bytes += got;
    if (is_pushed_) break;
  }
  next_offset_ += slot.filled_bytes;
  if (slot.filled_bytes > rest) throw Error(errc::io_error, "gave more bytes than it had said");
  slot.plain_bytes = static_cast<std::uint32_t>(slot.filled_bytes);
  slot.data = {buffer.data(), slot.filled_bytes};
  return slot.filled_bytes > 0;
}

void PlainReader::locate(Error& error, const ChunkSlot& slot) const {
  error.in_file(source_.name()).at_offset(slot.plain_offset);
}

void PlainReader::check_total(std::uint64_t plain_bytes) const {
  if (total_bytes_ && *total_bytes_ != plain_bytes)
    throw Error(errc::io_error, "gave " + std::to_string(plain_bytes) +
                                    " bytes where it had said " + std::to_string(*total_bytes_))
        .in_file(source_.name());
}

ChunkWriter::ChunkWriter(SinkImpl& sink, std::uint64_t head_bytes)
    : sink_(sink), positional_(dynamic_cast<PositionalSinkImpl*>(&sink)), end_offset_(head_bytes) {}

void ChunkWriter::place(ChunkSlot& slot) {
  if (slot.sequence != chunks_)
    throw Error(errc::io_error, "internal error: chunks are out of order");
  slot.record_offset = end_offset_;
  list(slot);
  ++chunks_;
  plain_bytes_ += slot.plain_bytes;
  end_offset_ += slot.data.size();
}

void ChunkWriter::write(ChunkSlot& slot) {
  if (positional_)
    positional_->write_at(slot.record_offset, slot.data);
  else
    sink_.write(slot.data);
}

void ChunkWriter::locate(Error& error, const ChunkSlot& slot) const {
  error.in_file(sink_.name()).at_offset(slot.record_offset);
}

RecordWriter::RecordWriter(SinkImpl& sink, std::uint64_t head_bytes, const RecordKeys& keys,
                           MemoryAccount& memory)
    : ChunkWriter(sink, head_bytes), keys_(keys), memory_(memory) {}

void RecordWriter::list(const ChunkSlot& slot) {
  memory_.charge(kListBytes);
  index_.add({.stored_bytes = static_cast<std::uint32_t>(slot.stored_bytes),
              .plain_bytes = slot.plain_bytes});
}

std::vector<std::byte> RecordWriter::tail() const { return seal_tail(index_, end_offset(), keys_); }

void FrameWriter::list(const ChunkSlot& slot) {
  memory_.charge(kListBytes, "the seek table");
  const std::byte* const checksum =
      slot.data.data() + slot.data.size() - seekable_layout::kChecksumBytes;
  table_.add({.frame_bytes = static_cast<std::uint32_t>(slot.stored_bytes),
              .plain_bytes = slot.plain_bytes,
              .checksum = load_le<std::uint32_t>(checksum)});
}

}  // namespace adapipe::inline v0_1
