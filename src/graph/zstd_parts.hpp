#pragma once

#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "codec/zstd_stream.hpp"
#include "container/zstd_frames.hpp"
#include "graph/stored_reader.hpp"
#include "memory/memory_account.hpp"

namespace adapipe::inline v0_1 {

/// Reads the frames of a zstd file whose frames are known: a chunk each. Borrows the source.
class ZstdFrameReader final : public IndexedReader {
 public:
  /// `frames` must be independent.
  ZstdFrameReader(PositionalSourceImpl& source, ZstdFrames frames, std::stop_token stop);

  std::optional<std::uint64_t> chunks() const noexcept override { return frames_->frames.size(); }
  StoredChunk chunk(std::uint64_t number) const noexcept override;
  std::uint64_t plain_total() const noexcept override { return frames_->plain_bytes; }
  bool plain_bytes_are_certain() const override { return false; }

 private:
  ZstdFrameReader(PositionalSourceImpl& source, std::shared_ptr<const ZstdFrames> frames,
                  std::stop_token stop);
  std::span<std::byte> make_room(ChunkSlot& slot, const StoredChunk& chunk) const override;
  void accept(ChunkSlot& slot, const StoredChunk& chunk) const override;

  const std::shared_ptr<const ZstdFrames> frames_;  // the chain has them as well
};

/// Decodes a zstd file from front to back, whatever its frames are; what comes out is cut into
/// chunks of kChunkBytes. Borrows the source.
class ZstdStreamReader final : public StoredReader {
 public:
  static constexpr std::size_t kChunkBytes = 1 << 20;

  /// `front`: what was read of the source so far.
  ZstdStreamReader(SourceImpl& source, ByteSpan front, std::uint64_t max_plain_bytes,
                   MemoryAccount& memory, std::stop_token stop);

  std::optional<std::uint64_t> chunks() const noexcept override { return std::nullopt; }
  std::size_t largest_chunk_bytes() const override { return kChunkBytes; }
  std::optional<std::uint64_t> plain_bytes() const override { return std::nullopt; }
  bool plain_bytes_are_certain() const override { return false; }
  ReadResult read(ChunkSlot&, bool) override { return ReadResult::filled; }
  bool next(ChunkSlot& slot) override;
  void locate(Error& error, const ChunkSlot& slot) const override;
  Totals finish() override;

 private:
  SourceImpl& source_;
  const std::uint64_t max_plain_bytes_;
  ZstdStreamDecoder decoder_;
  bool ended_ = false;
  std::uint64_t chunks_ = 0;
  std::uint64_t plain_bytes_ = 0;
};

}  // namespace adapipe::inline v0_1
