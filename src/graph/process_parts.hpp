#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "container/index.hpp"
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

/// Gives each record its place in the container and its entry in the index, and writes it there.
/// Borrows the sink. place() is called in order.
class RecordWriter final : public Consumer {
 public:
  RecordWriter(SinkImpl& sink, std::uint64_t records_offset, MemoryAccount& memory);

  bool ordered() const noexcept override { return true; }
  /// Also where the sink may be written anywhere, but may wait.
  bool sequential() const noexcept override { return !positional_ || positional_->may_wait(); }
  std::size_t max_concurrent_writes() const noexcept override {
    return positional_ ? positional_->max_concurrent_writes() : 1;
  }
  void place(ChunkSlot& slot) override;
  void write(ChunkSlot& slot) override;
  void locate(Error& error, const ChunkSlot& slot) const override;

  const Index& index() const noexcept { return index_; }
  std::uint64_t end_offset() const noexcept { return records_offset_ + index_.records_total(); }

 private:
  SinkImpl& sink_;
  PositionalSinkImpl* const positional_;  // nullptr: a stream
  const std::uint64_t records_offset_;
  MemoryAccount& memory_;
  Index index_;
};

}  // namespace adapipe::inline v0_1
