#include "codec/zstd_stream.hpp"

#include <zstd_errors.h>

#include <adapipe/error.hpp>
#include <algorithm>
#include <string>
#include <utility>

namespace adapipe::inline v0_1 {

ZstdStreamDecoder::ZstdStreamDecoder(ByteSpan front, Read read, Reserve reserve)
    : read_(std::move(read)), reserve_(std::move(reserve)) {
  buffer_.resize(std::max(ZSTD_DStreamInSize(), front.size()));
  std::copy(front.begin(), front.end(), buffer_.begin());
  filled_ = end_offset_ = front.size();
}

std::size_t ZstdStreamDecoder::decode(std::span<std::byte> to) {
  std::size_t done = 0;
  try {
    while (done < to.size() && (in_frame_ || begin_frame())) done += decode_some(to.subspan(done));
  } catch (Error& error) {
    error.at_offset(frame_offset_).at_chunk(in_frame_ ? frames_ - 1 : frames_);
    throw;
  }
  return done;
}

bool ZstdStreamDecoder::refill() {
  const ByteSpan rest = input();
  std::copy(rest.begin(), rest.end(), buffer_.begin());
  filled_ = rest.size();
  taken_ = 0;
  const std::size_t got = read_(std::span(buffer_).subspan(filled_));
  filled_ += got;
  end_offset_ += got;
  return got > 0;
}

bool ZstdStreamDecoder::begin_frame() {
  for (;;) {
    while (input().size() < kMaxZstdHeadBytes && refill()) {
    }
    frame_offset_ = offset();
    if (input().empty()) return false;
    const ZstdFrameHead head =
        decode_zstd_frame_head(input().first(std::min(input().size(), kMaxZstdHeadBytes)));
    if (!head.is_skippable) {
      prepare(head);
      return true;
    }
    skip(head.bytes);
  }
}

void ZstdStreamDecoder::skip(std::uint64_t bytes) {
  while (bytes > 0) {
    if (input().empty() && !refill())
      throw Error(errc::truncated, "the zstd file ends within a skippable frame")
          .at_offset(offset());
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, input().size()));
    taken_ += step;
    bytes -= step;
  }
}

void ZstdStreamDecoder::prepare(const ZstdFrameHead& head) {
  in_frame_ = true;
  ++frames_;
  if (head.window_bytes > kMaxZstdWindowBytes)
    throw Error(errc::limit_exceeded,
                "the zstd frame refers back up to " + std::to_string(head.window_bytes) +
                    " bytes, more than the allowed " + std::to_string(kMaxZstdWindowBytes));
  const auto window = static_cast<std::size_t>(
      std::min(head.window_bytes, head.content_bytes.value_or(head.window_bytes)));
  const std::size_t needed = ZSTD_estimateDStreamSize(window);
  if (needed > reserved_bytes_) {
    reserve_(needed - reserved_bytes_);
    reserved_bytes_ = needed;
  }
  if (!context_) context_ = owned<DecompressorPtr>(ZSTD_createDCtx());
  ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
}

std::size_t ZstdStreamDecoder::decode_some(std::span<std::byte> to) {
  ZSTD_inBuffer in{.src = input().data(), .size = input().size(), .pos = 0};
  ZSTD_outBuffer out{.dst = to.data(), .size = to.size(), .pos = 0};
  const std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
  if (ZSTD_isError(result) != 0) {
    const bool no_memory = ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation;
    throw Error(no_memory ? errc::resource_exhausted : errc::corrupt,
                std::string("the zstd frame cannot be decoded: ") + ZSTD_getErrorName(result));
  }
  taken_ += in.pos;
  in_frame_ = result != 0;
  if (in_frame_ && in.pos == 0 && out.pos == 0 && !refill())
    throw Error(errc::truncated, "the zstd file ends within a frame").at_offset(offset());
  return out.pos;
}

}  // namespace adapipe::inline v0_1
