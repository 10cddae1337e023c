#include "graph/zstd_parts.hpp"

#include <xxhash.h>

#include <adapipe/error.hpp>
#include <string>
#include <utility>

#include "codec/zstd.hpp"
#include "codec/zstd_frame.hpp"
#include "io/checked_read.hpp"
#include "memory/buffer_access.hpp"
#include "util/stop.hpp"

namespace adapipe::inline v0_1 {
namespace {

/// Makes the plain bytes of frames, which give as many as was said of them, with or without their
/// own word for it.
class DecodeFrame final : public Stage {
 public:
  explicit DecodeFrame(std::shared_ptr<const ZstdFrames> frames) : frames_(std::move(frames)) {}

  StageInfo info() const override { return {.id = kZstdId}; }
  std::unique_ptr<StageWorker> make_worker(Direction) const override {
    return std::make_unique<Worker>(frames_);
  }
  std::size_t max_output_bytes(std::size_t input_bytes) const override {
    return zstd_frame_bound(input_bytes);
  }
  std::size_t worker_bytes(Direction, std::size_t) const override {
    return ZstdFrameDecoder::bytes();
  }

 private:
  class Worker final : public StageWorker {
   public:
    explicit Worker(std::shared_ptr<const ZstdFrames> frames) : frames_(std::move(frames)) {}

    Outcome run(const ChunkInfo& chunk, ByteSpan in, Buffer& out) override {
      out.resize(chunk.plain_bytes);
      const std::span<std::byte> plain(out.data(), out.size());
      decoder_.decode(in, plain);
      const std::optional<std::uint32_t> expected = frames_->frames[chunk.index].checksum;
      if (expected && *expected != checksum(in, plain))
        throw Error(errc::corrupt, "the seek table is that of other data");
      return Outcome::changed;
    }

   private:
    /// The frame's own, which the decoder has checked, is the same sum.
    static std::uint32_t checksum(ByteSpan frame, ByteSpan plain) {
      if (decode_zstd_frame_head(frame).has_checksum)
        return load_le<std::uint32_t>(frame.last(kZstdChecksumBytes).data());
      return static_cast<std::uint32_t>(XXH64(plain.data(), plain.size(), 0));
    }

    const std::shared_ptr<const ZstdFrames> frames_;
    ZstdFrameDecoder decoder_;
  };

  const std::shared_ptr<const ZstdFrames> frames_;
};

}  // namespace

ZstdFrameReader::ZstdFrameReader(PositionalSourceImpl& source, ZstdFrames frames,
                                 std::stop_token stop)
    : ZstdFrameReader(source, std::make_shared<const ZstdFrames>(std::move(frames)),
                      std::move(stop)) {}

ZstdFrameReader::ZstdFrameReader(PositionalSourceImpl& source,
                                 std::shared_ptr<const ZstdFrames> frames, std::stop_token stop)
    : IndexedReader(source,
                    StageChain(Direction::backward, {std::make_shared<DecodeFrame>(frames)}),
                    std::move(stop)),
      frames_(std::move(frames)) {}

StoredChunk ZstdFrameReader::chunk(std::uint64_t number) const noexcept {
  const ZstdFrame& frame = frames_->frames[number];
  return {.offset = frame.offset,
          .bytes = frame.frame_bytes,
          .plain_offset = frame.plain_offset,
          .plain_bytes = frame.plain_bytes};
}

std::span<std::byte> ZstdFrameReader::make_room(ChunkSlot& slot, const StoredChunk& chunk) const {
  BufferAccess::allocate(slot.front(), static_cast<std::size_t>(chunk.bytes));
  return {slot.front().data(), slot.front().size()};
}

void ZstdFrameReader::accept(ChunkSlot& slot, const StoredChunk& chunk) const {
  slot.plain_bytes = chunk.plain_bytes;
  slot.stored_bytes = chunk.bytes;
}

ZstdStreamReader::ZstdStreamReader(SourceImpl& source, ByteSpan front,
                                   std::uint64_t max_plain_bytes, MemoryAccount& memory,
                                   std::stop_token stop)
    : StoredReader(StageChain(Direction::backward, {})),
      source_(source),
      max_plain_bytes_(max_plain_bytes),
      decoder_(
          front,
          [&source, stop = std::move(stop)](std::span<std::byte> to) {
            throw_if_stopped(stop);
            return checked_read(source, to);
          },
          [&memory](std::size_t bytes) { memory.charge(bytes, "the window of the zstd frame"); }) {}

bool ZstdStreamReader::next(ChunkSlot& slot) {
  if (ended_) return false;
  slot.plain_offset = plain_bytes_;
  slot.record_offset = decoder_.offset();
  BufferAccess::allocate(slot.front(), kChunkBytes);
  const std::span<std::byte> room(slot.front().data(), kChunkBytes);
  const std::size_t got = decoder_.decode(room);
  ended_ = got < room.size();
  if (got > max_plain_bytes_ - plain_bytes_)
    throw Error(errc::limit_exceeded, "the zstd file holds more than the allowed " +
                                          std::to_string(max_plain_bytes_) + " plain bytes");
  slot.data = room.first(got);
  slot.plain_bytes = static_cast<std::uint32_t>(got);
  slot.stored_bytes = decoder_.offset() - slot.record_offset;
  plain_bytes_ += got;
  if (got > 0) ++chunks_;
  return got > 0;
}

void ZstdStreamReader::locate(Error& error, const ChunkSlot& slot) const {
  error.in_file(source_.name()).at_offset(slot.record_offset);
}

StoredReader::Totals ZstdStreamReader::finish() {
  return {.chunks = chunks_, .plain_bytes = plain_bytes_, .stored_bytes = decoder_.offset()};
}

}  // namespace adapipe::inline v0_1
