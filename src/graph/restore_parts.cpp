#include "graph/restore_parts.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "io/checked_read.hpp"
#include "memory/buffer_access.hpp"
#include "util/stop.hpp"

namespace adapipe::inline v0_1 {
namespace {

[[noreturn]] void throw_too_large() {
  throw Error(errc::corrupt, "the record is larger than its stages can have made it");
}

}  // namespace

void check_stored_bytes(const StageChain& chain, std::uint32_t plain_bytes,
                        std::uint32_t stored_bytes) {
  if (stored_bytes > chain.most_stored_bytes(plain_bytes)) throw_too_large();
}

void check_stored_bytes(const StageChain& chain, const RecordHeader& header) {
  check_stored_bytes(chain, header.plain_bytes, header.stored_bytes);
  const std::size_t most =
      chain.bound_bytes(chain.stages().size(), header.plain_bytes, header.skipped);
  if (header.stored_bytes > most + chain.framing()->keys.overhead_bytes()) throw_too_large();
}

std::span<std::byte> record_space(ChunkSlot& slot, std::uint32_t stored_bytes) {
  BufferAccess::allocate(slot.front(), stored_bytes);
  return {slot.front().data() - layout::kRecordHeaderBytes,
          layout::kRecordHeaderBytes + stored_bytes};
}

IndexedRecordReader::IndexedRecordReader(PositionalSourceImpl& source, StageChain chain,
                                         OpenedContainer container, Index index,
                                         std::stop_token stop)
    : IndexedReader(source, std::move(chain), std::move(stop)),
      container_(std::move(container)),
      index_(std::move(index)) {
  starts_.reserve(index_.chunks());
  Start start{.plain = 0, .record = container_.records_offset};
  for (const IndexEntry& entry : index_.entries()) {
    starts_.push_back(start);
    start.plain += entry.plain_bytes;
    start.record += layout::kRecordHeaderBytes + entry.stored_bytes;
  }
}

StoredChunk IndexedRecordReader::chunk(std::uint64_t number) const noexcept {
  const IndexEntry& entry = index_[number];
  return {.offset = starts_[number].record,
          .bytes = layout::kRecordHeaderBytes + std::uint64_t{entry.stored_bytes},
          .plain_offset = starts_[number].plain,
          .plain_bytes = entry.plain_bytes};
}

std::span<std::byte> IndexedRecordReader::make_room(ChunkSlot& slot,
                                                    const StoredChunk& chunk) const {
  const std::uint32_t stored_bytes = index_[slot.sequence].stored_bytes;
  check_stored_bytes(chain(), chunk.plain_bytes, stored_bytes);
  return record_space(slot, stored_bytes);
}

void IndexedRecordReader::accept(ChunkSlot& slot, const StoredChunk&) const {
  const auto bytes = std::span<const std::byte>(slot.data).first<layout::kRecordHeaderBytes>();
  const RecordHeader header = decode_record_header(bytes, container_.header);
  const IndexEntry& entry = index_[slot.sequence];
  if (header.type != RecordType::chunk || header.sequence != slot.sequence ||
      header.stored_bytes != entry.stored_bytes || header.plain_bytes != entry.plain_bytes)
    throw Error(errc::corrupt, "the record is not the one that the index names");
  slot.plain_bytes = header.plain_bytes;
  slot.stored_bytes = header.stored_bytes;
}

StreamRecordReader::StreamRecordReader(SourceImpl& source, StageChain chain,
                                       OpenedContainer container, std::uint64_t max_plain_bytes,
                                       MemoryAccount& memory, std::stop_token stop)
    : StoredReader(std::move(chain)),
      source_(source),
      container_(std::move(container)),
      max_plain_bytes_(max_plain_bytes),
      offset_(container_.records_offset),
      memory_(memory),
      stop_(std::move(stop)) {}

std::size_t StreamRecordReader::largest_chunk_bytes() const {
  const std::uint64_t chunk_bytes = container_.header.chunk_bytes;
  return static_cast<std::size_t>(std::min(chunk_bytes, plain_bytes().value_or(chunk_bytes)));
}

bool StreamRecordReader::next(ChunkSlot& slot) {
  if (index_header_) return false;
  slot.plain_offset = seen_.plain_total();
  slot.record_offset = offset_;
  RecordHeaderBytes bytes;
  read_exactly(bytes);
  const RecordHeader header = decode_record_header(bytes, container_.header);
  if (header.sequence != seen_.chunks())
    throw Error(errc::corrupt, "the record is number " + std::to_string(header.sequence) +
                                   " where " + std::to_string(seen_.chunks()) + " was due");
  if (header.type == RecordType::index) {
    index_header_ = bytes;
    return false;
  }
  const std::uint64_t promised = container_.header.plain_bytes.value_or(UINT64_MAX);
  if (header.plain_bytes > promised - seen_.plain_total())
    throw Error(errc::corrupt, "the chunks hold more than the header says");
  check_stored_bytes(chain(), header);
  if (header.plain_bytes > max_plain_bytes_ - seen_.plain_total())
    throw Error(errc::limit_exceeded, "the container holds more than the allowed " +
                                          std::to_string(max_plain_bytes_) + " plain bytes");
  memory_.charge(2 * sizeof(IndexEntry));  // the vector may double
  note(header);
  slot.data = record_space(slot, header.stored_bytes);
  std::copy(bytes.begin(), bytes.end(), slot.data.begin());
  read_exactly(slot.data.subspan(bytes.size()));
  slot.plain_bytes = header.plain_bytes;
  slot.stored_bytes = header.stored_bytes;
  return true;
}

void StreamRecordReader::note(const RecordHeader& header) {
  try {
    seen_.add({.stored_bytes = header.stored_bytes, .plain_bytes = header.plain_bytes});
  } catch (const Error&) {  // as Index::decode(), to which a writer's limits are the reader's rules
    throw Error(errc::corrupt, "the chunks are more than a container holds");
  }
}

void StreamRecordReader::locate(Error& error, const ChunkSlot& slot) const {
  error.in_file(source_.name()).at_offset(slot.record_offset);
}

void StreamRecordReader::read_exactly(std::span<std::byte> to) {
  while (!to.empty()) {
    throw_if_stopped(stop_);
    const std::size_t got = checked_read(source_, to);
    if (got == 0)
      throw Error(errc::truncated, "the container ends within a record").at_offset(offset_);
    offset_ += got;
    to = to.subspan(got);
  }
}

StoredReader::Totals StreamRecordReader::finish() {
  if (!index_header_)
    throw Error(errc::io_error, "internal error: the stream was not read through");
  const std::uint64_t index_offset = offset_ - layout::kRecordHeaderBytes;
  try {
    read_index_and_trailer();
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::io_error)
        .in_file(source_.name())
        .at_offset(index_offset);
  }
  return {.chunks = seen_.chunks(), .plain_bytes = seen_.plain_total(), .stored_bytes = offset_};
}

void StreamRecordReader::read_index_and_trailer() {
  const std::uint64_t index_offset = offset_ - layout::kRecordHeaderBytes;
  const RecordHeader header = decode_record_header(*index_header_, container_.header);
  check_index_bytes(header, seen_.chunks());
  memory_.charge(2 * std::size_t{header.stored_bytes});
  std::vector<std::byte> payload(header.stored_bytes);
  read_exactly(payload);
  const Index index = open_index_record(*index_header_, header, payload, container_);
  if (index.entries() != seen_.entries())
    throw Error(errc::corrupt, "the index does not list the chunks that were read");
  std::array<std::byte, layout::kTrailerBytes> bytes;
  read_exactly(bytes);
  // Without the end magic it was changed: here nothing is missing, and what follows comes next.
  const std::optional<Trailer> trailer = decode_trailer(bytes);
  if (!trailer || trailer->index_offset != index_offset ||
      trailer->index_record_bytes != layout::kRecordHeaderBytes + payload.size())
    throw Error(errc::corrupt, "the trailer does not point at the index");
  throw_if_stopped(stop_);
  std::byte more{};
  if (checked_read(source_, {&more, 1}) != 0)
    throw Error(errc::corrupt, "something follows the end of the container").at_offset(offset_);
}

PlainWriter::PlainWriter(SinkImpl& sink)
    : sink_(sink), positional_(dynamic_cast<PositionalSinkImpl*>(&sink)) {}

void PlainWriter::place(ChunkSlot& slot) {
  if (slot.sequence != placed_++)
    throw Error(errc::io_error, "internal error: chunks are out of order");
}

void PlainWriter::write(ChunkSlot& slot) {
  const bool is_empty = slot.data.empty();  // a frame of a zstd file may be
  if (positional_ && !is_empty)
    positional_->write_at(slot.plain_offset, slot.data);
  else if (!is_empty)
    sink_.write(slot.data);
  chunks_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(slot.data.size(), std::memory_order_relaxed);
}

void PlainWriter::locate(Error& error, const ChunkSlot& slot) const {
  error.in_file(sink_.name()).at_offset(slot.plain_offset);
}

}  // namespace adapipe::inline v0_1
