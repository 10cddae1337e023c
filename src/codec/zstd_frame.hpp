#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "codec/zstd_context.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

/// Zstandard frames as they stand in .zst files, by RFC 8878. They may come from anyone.

inline constexpr std::size_t kZstdMagicBytes = 4;
inline constexpr std::uint32_t kZstdMagic = 0xFD2FB528;
/// Of skippable frames, the first of 16: sections 3.1.2 and 5.
inline constexpr std::uint32_t kZstdSkippableMagic = 0x184D2A50;
inline constexpr std::size_t kZstdSkippableHeadBytes = 8;  // magic, u32 bytes that follow
/// The longest there is in front of the first block: magic, descriptor, window, dictionary, size.
inline constexpr std::size_t kMaxZstdHeadBytes = 18;
inline constexpr std::size_t kZstdBlockHeadBytes = 3;
inline constexpr std::size_t kZstdChecksumBytes = 4;

/// What stands in front of a frame's blocks.
struct ZstdFrameHead {
  bool is_skippable = false;
  std::uint64_t bytes = 0;  ///< of the head; of a skippable frame, of all of it
  std::optional<std::uint64_t> content_bytes{};  ///< what it decodes to, if it says so
  std::uint64_t window_bytes = 0;                ///< how far back it refers to what was decoded
  bool has_checksum = false;                     ///< behind the last block
};

/// Whether a file that starts so is for zstd, though perhaps for an old version.
bool starts_as_zstd(ByteSpan front) noexcept;

/// Of the frame at the front of `front`, its first kMaxZstdHeadBytes bytes or all there are. Throws
/// Error(truncated) if there are too few, Error(corrupt) if no frame starts so,
/// Error(unsupported_version) for a frame of an old or a newer version or with a dictionary.
ZstdFrameHead decode_zstd_frame_head(ByteSpan front);

/// The head of a block (section 3.1.1.2).
struct ZstdBlockHead {
  bool is_last = false;
  std::uint32_t stored_bytes = 0;  ///< that follow
};
/// Throws Error(corrupt) for a block of the reserved type.
ZstdBlockHead decode_zstd_block_head(std::span<const std::byte, kZstdBlockHeadBytes> bytes);

/// The most bytes that a sensible frame of `content_bytes` has.
std::size_t zstd_frame_bound(std::size_t content_bytes) noexcept;

/// One thread's decoder of whole frames.
class ZstdFrameDecoder {
 public:
  /// `frame` must be one frame and nothing else, and give as many bytes as `out` has: else
  /// Error(corrupt). `out` is then of no use. Error(limit_exceeded) for a window of 4 GiB or more.
  void decode(ByteSpan frame, std::span<std::byte> out);

  /// Memory that it takes.
  static std::size_t bytes() noexcept;

 private:
  DecompressorPtr context_;
};

}  // namespace adapipe::inline v0_1
