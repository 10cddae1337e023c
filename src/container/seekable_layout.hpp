#pragma once

#include <cstddef>
#include <cstdint>

/// The values of zstd's seekable format, version 0.1.0, in which Container::zstd_seekable writes
/// (contrib/seekable_format/zstd_seekable_compression_format.md and zstd_seekable.h in zstd's
/// sources). All numbers are little-endian.
///
///     file   := frame* table                       each frame: RFC 8878, one chunk, on its own
///     table  := u32 kTableMagic  u32 bytes of what follows  entry* footer
///     entry  := u32 frame bytes  u32 plain bytes  u32 checksum
///     footer := u32 frame count  u8 descriptor  u32 kFooterMagic
///
/// The table is a skippable frame, so that every decoder of zstd reads the file. Offsets are the
/// sums of the sizes before. The checksum is there if the descriptor has kChecksumFlag: the low
/// half of XXH64, seed 0, of the plain bytes; a frame with a content checksum ends with the same.
namespace adapipe::inline v0_1::seekable_layout {

inline constexpr std::uint32_t kTableMagic = 0x184D2A5E;
inline constexpr std::size_t kTableHeadBytes = 8;
inline constexpr std::size_t kEntryBytes = 12;  // 8 without a checksum
inline constexpr std::size_t kChecksumBytes = 4;
inline constexpr std::size_t kFooterBytes = 9;
inline constexpr std::uint8_t kChecksumFlag = 0x80;
inline constexpr std::uint8_t kReservedBits = 0x7C;  // of the descriptor: 0, or it is not readable
inline constexpr std::uint32_t kFooterMagic = 0x8F92EAB1;
inline constexpr std::uint64_t kMaxFrames = 0x8000000;
inline constexpr std::uint64_t kMaxFramePlainBytes = std::uint64_t{1} << 30;

}  // namespace adapipe::inline v0_1::seekable_layout
