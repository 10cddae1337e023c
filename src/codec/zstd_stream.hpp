#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "codec/zstd_frame.hpp"

namespace adapipe::inline v0_1 {

/// The farthest that a frame may refer back where it is decoded piece by piece: as zstd's own
/// default.
inline constexpr std::uint64_t kMaxZstdWindowBytes = std::uint64_t{1} << 27;

/// Decodes a row of frames from front to back, whatever their size; skippable ones are skipped.
/// Holds a window and no more. Not thread-safe.
class ZstdStreamDecoder {
 public:
  /// Puts 1 .. to.size() bytes of the file into `to`; 0 only at its end.
  using Read = std::function<std::size_t(std::span<std::byte> to)>;
  /// Asked before as much more memory is taken; may throw.
  using Reserve = std::function<void(std::size_t bytes)>;

  /// `front`: what was read of the file so far.
  ZstdStreamDecoder(ByteSpan front, Read read, Reserve reserve);

  /// Fills `to`; fewer bytes only at the end of the file, which is then where a frame ends. Throws
  /// what decode_zstd_frame_head() does, Error(truncated), Error(corrupt), and
  /// Error(limit_exceeded) beyond kMaxZstdWindowBytes, with frame and offset.
  std::size_t decode(std::span<std::byte> to);

  /// How much of the file has been taken, and frames of it begun that are not skippable.
  std::uint64_t offset() const noexcept { return end_offset_ - input().size(); }
  std::uint64_t frames() const noexcept { return frames_; }

 private:
  ByteSpan input() const noexcept { return ByteSpan(buffer_).first(filled_).subspan(taken_); }
  /// false: there is no more.
  bool refill();
  bool begin_frame();
  void skip(std::uint64_t bytes);
  void prepare(const ZstdFrameHead& head);
  std::size_t decode_some(std::span<std::byte> to);

  const Read read_;
  const Reserve reserve_;
  std::vector<std::byte> buffer_;
  std::size_t filled_ = 0;
  std::size_t taken_ = 0;
  std::uint64_t end_offset_ = 0;  // in the file, of what is in the buffer
  DecompressorPtr context_;
  std::size_t reserved_bytes_ = 0;
  bool in_frame_ = false;
  std::uint64_t frame_offset_ = 0;
  std::uint64_t frames_ = 0;
};

}  // namespace adapipe::inline v0_1
