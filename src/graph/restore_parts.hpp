#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "container/index.hpp"
#include "container/open.hpp"
#include "graph/parts.hpp"
#include "graph/stage_chain.hpp"
#include "graph/stored_reader.hpp"
#include "memory/memory_account.hpp"

namespace adapipe::inline v0_1 {

/// Before memory is taken for a record, since slots were reserved for chunks of its plain size:
/// throws Error(corrupt) if its stages cannot have made it so large.
void check_stored_bytes(const StageChain& chain, std::uint32_t plain_bytes,
                        std::uint32_t stored_bytes);
/// The same by the record's own header, which says what stages it skipped.
void check_stored_bytes(const StageChain& chain, const RecordHeader& header);

/// Makes room for a whole record in the front buffer: the header in front of the data.
std::span<std::byte> record_space(ChunkSlot& slot, std::uint32_t stored_bytes);

/// Reads the records of a container whose index is known.
class IndexedRecordReader final : public IndexedReader {
 public:
  IndexedRecordReader(PositionalSourceImpl& source, StageChain chain, OpenedContainer container,
                      Index index, std::stop_token stop);

  std::optional<std::uint64_t> chunks() const noexcept override { return index_.chunks(); }
  StoredChunk chunk(std::uint64_t number) const noexcept override;
  std::uint64_t plain_total() const noexcept override { return index_.plain_total(); }
  bool plain_bytes_are_certain() const override { return true; }
  std::optional<std::uint16_t> slot_type() const override { return container_.slot_type(); }

 private:
  std::span<std::byte> make_room(ChunkSlot& slot, const StoredChunk& chunk) const override;
  void accept(ChunkSlot& slot, const StoredChunk& chunk) const override;

  struct Start {
    std::uint64_t plain;
    std::uint64_t record;
  };

  const OpenedContainer container_;
  const Index index_;
  std::vector<Start> starts_;  // by chunk
};

/// Reads the records of a container front to back. Borrows the source.
class StreamRecordReader final : public StoredReader {
 public:
  StreamRecordReader(SourceImpl& source, StageChain chain, OpenedContainer container,
                     std::uint64_t max_plain_bytes, MemoryAccount& memory, std::stop_token stop);

  std::optional<std::uint64_t> chunks() const noexcept override { return std::nullopt; }
  std::size_t largest_chunk_bytes() const override;
  std::optional<std::uint64_t> plain_bytes() const override {
    return container_.header.plain_bytes;
  }
  bool plain_bytes_are_certain() const override {
    return container_.header.integrity == Integrity::aead;
  }
  std::optional<std::uint16_t> slot_type() const override { return container_.slot_type(); }
  ReadResult read(ChunkSlot&, bool) override { return ReadResult::filled; }
  bool next(ChunkSlot& slot) override;
  void locate(Error& error, const ChunkSlot& slot) const override;
  /// After next() has said false: reads index and trailer, and checks them against what was seen.
  Totals finish() override;

 private:
  void note(const RecordHeader& header);
  void read_exactly(std::span<std::byte> to);
  void read_index_and_trailer();

  SourceImpl& source_;
  const OpenedContainer container_;
  const std::uint64_t max_plain_bytes_;
  std::uint64_t offset_;  // in the container
  Index seen_;
  MemoryAccount& memory_;
  const std::stop_token stop_;
  std::optional<RecordHeaderBytes> index_header_;  // once it was met
};

/// Writes restored chunks: in place, in any order, or front to back where the sink is a stream.
class PlainWriter final : public Consumer {
 public:
  explicit PlainWriter(SinkImpl& sink);

  bool ordered() const noexcept override { return sequential(); }
  /// Also where the sink may be written anywhere, but may wait.
  bool sequential() const noexcept override { return !positional_ || positional_->may_wait(); }
  std::size_t max_concurrent_writes() const noexcept override {
    return positional_ ? positional_->max_concurrent_writes() : 1;
  }
  void place(ChunkSlot& slot) override;
  void write(ChunkSlot& slot) override;
  void locate(Error& error, const ChunkSlot& slot) const override;

  std::uint64_t written_chunks() const noexcept { return chunks_; }
  std::uint64_t written_bytes() const noexcept { return bytes_; }

 private:
  SinkImpl& sink_;
  PositionalSinkImpl* const positional_;  // nullptr: a stream
  std::uint64_t placed_ = 0;
  std::atomic<std::uint64_t> chunks_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace adapipe::inline v0_1
