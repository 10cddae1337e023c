#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "container/create.hpp"
#include "container/index.hpp"
#include "container/record.hpp"
#include "container/seek_table.hpp"
#include "graph/parts.hpp"
#include "memory/memory_account.hpp"

namespace adapipe::inline v0_1 {

/// Cuts a source into chunks of `chunk_bytes`; the last one may be shorter, and those of a
/// PushSource where its writer ends them. Borrows the source.
class PlainReader final : public Producer {
 public:
  PlainReader(SourceImpl& source, std::uint32_t chunk_bytes, std::stop_token stop);

  std::optional<std::uint64_t> chunks() const noexcept override;
  ReadResult read(ChunkSlot& slot, bool may_wait) override;
  bool next(ChunkSlot& slot) override;
  void locate(Error& error, const ChunkSlot& slot) const override;

  /// Throws unless `plain_bytes`, the sum of all chunks, is what the source said it would be.
  void check_total(std::uint64_t plain_bytes) const;

 private:
  SourceImpl& source_;
  PositionalSourceImpl* const positional_;  // nullptr: a stream
  const std::uint32_t chunk_bytes_;
  const std::optional<std::uint64_t> total_bytes_;
  const bool is_pushed_;  // one read() gives one chunk
  const std::stop_token stop_;
  // Of a stream:
  std::uint64_t next_offset_ = 0;
  bool ended_ = false;
};

/// Writes chunks one behind the other. Borrows the sink. place() is called in order.
class ChunkWriter : public Consumer {
 public:
  /// The first chunk follows `head_bytes` of something else.
  explicit ChunkWriter(SinkImpl& sink, std::uint64_t head_bytes = 0);

  bool ordered() const noexcept override { return true; }
  /// Also where the sink may be written anywhere, but may wait.
  bool sequential() const noexcept override { return !positional_ || positional_->may_wait(); }
  std::size_t max_concurrent_writes() const noexcept override {
    return positional_ ? positional_->max_concurrent_writes() : 1;
  }
  void place(ChunkSlot& slot) override;
  void write(ChunkSlot& slot) override;
  void locate(Error& error, const ChunkSlot& slot) const override;

  /// What closes the output, to stand at end_offset(); may be empty.
  virtual std::vector<std::byte> tail() const { return {}; }

  std::uint64_t chunks() const noexcept { return chunks_; }
  std::uint64_t plain_bytes() const noexcept { return plain_bytes_; }
  std::uint64_t end_offset() const noexcept { return end_offset_; }

 private:
  /// Remembers of a chunk what tail() will say. O(1).
  virtual void list(const ChunkSlot&) {}

  SinkImpl& sink_;
  PositionalSinkImpl* const positional_;  // nullptr: a stream
  std::uint64_t chunks_ = 0;
  std::uint64_t plain_bytes_ = 0;
  std::uint64_t end_offset_;
};

/// Writes the records of an adapipe container, which index and trailer close. Borrows the keys.
class RecordWriter final : public ChunkWriter {
 public:
  /// Of the index, for each chunk: the vector may double, and is encoded and sealed.
  static constexpr std::size_t kListBytes = 4 * sizeof(IndexEntry);

  RecordWriter(SinkImpl& sink, std::uint64_t head_bytes, const RecordKeys& keys,
               MemoryAccount& memory);

  std::vector<std::byte> tail() const override;

 private:
  void list(const ChunkSlot& slot) override;

  const RecordKeys& keys_;
  MemoryAccount& memory_;
  Index index_;
};

/// Writes the frames of a seekable zstd file, each with a content checksum, and its seek table.
class FrameWriter final : public ChunkWriter {
 public:
  /// Of the seek table, for each chunk: the vector may double, and is encoded.
  static constexpr std::size_t kListBytes = 3 * sizeof(SeekTableEntry);

  FrameWriter(SinkImpl& sink, MemoryAccount& memory) : ChunkWriter(sink), memory_(memory) {}

  std::vector<std::byte> tail() const override { return table_.encode(); }

 private:
  void list(const ChunkSlot& slot) override;

  MemoryAccount& memory_;
  SeekTable table_;
};

}  // namespace adapipe::inline v0_1
