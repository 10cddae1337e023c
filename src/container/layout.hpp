#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// The frozen values of container version 1. FORMAT.md explains each; none may ever change.
namespace adapipe::inline v0_1::layout {

template <std::size_t N>
consteval std::array<std::byte, N> bytes(const unsigned char (&values)[N]) {
  std::array<std::byte, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = std::byte{values[i]};
  return out;
}

// preamble := magic u16 major u16 minor u32 header_bytes
inline constexpr auto kMagic = bytes({0x89, 'A', 'D', 'P', '\r', '\n', 0x1A, '\n'});
inline constexpr std::uint16_t kMajor = 1;
inline constexpr std::uint16_t kMinor = 0;
inline constexpr std::size_t kPreambleBytes = 16;
inline constexpr std::size_t kMaxHeaderBytes = 1 << 20;

// header := section*, then header_sum and header_tag
inline constexpr std::size_t kSectionHeadBytes = 8;  // u16 tag, u16 flags, u32 length
inline constexpr std::uint16_t kCritical = 1;        // flag bit 0
enum SectionTag : std::uint16_t {
  kChunkBytesSection = 1,
  kIntegritySection = 2,
  kCipherSection = 3,
  kFileSaltSection = 4,
  kStageSection = 5,
  kSlotSection = 6,
  kPlainBytesSection = 7,
  kMetadataSection = 8,
  kPaddingSection = 9,
};
inline constexpr std::size_t kSaltBytes = 32;
inline constexpr std::size_t kMaxStages = 16;
inline constexpr std::size_t kMaxSlots = 64;
inline constexpr std::size_t kMaxMetadataBytes = 64 * 1024;
inline constexpr std::size_t kHeaderSumBytes = 8;
inline constexpr std::size_t kHeaderTagBytes = 32;

// record := record_header payload
inline constexpr auto kRecordMagic = bytes({0xEF, 'A', 'R', 'C'});
inline constexpr std::size_t kRecordHeaderBytes = 24;
inline constexpr std::size_t kTagBytes = 16;    // integrity 2: AEAD tag
inline constexpr std::size_t kCheckBytes = 8;   // integrity 1: XXH3-64
inline constexpr std::size_t kNonceBytes = 12;  // u8 type, 3 zero bytes, u64 big-endian sequence
inline constexpr std::uint64_t kMaxStoredExtra = 65'536;  // stored <= 2 * chunk_bytes + this

// index_record, trailer
inline constexpr std::size_t kIndexHeadBytes = 16;  // u64 chunk_count, u64 plain_total
inline constexpr std::size_t kIndexEntryBytes = 8;
inline constexpr std::uint64_t kMaxIndexSectionBytes = 1 << 20;          // all sections together
inline constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{1} << 30;  // the whole record
inline constexpr std::uint64_t kMaxTotalBytes = std::uint64_t{1} << 52;
inline constexpr auto kEndMagic = bytes({'A', 'D', 'P', 'E', 'N', 'D', '\r', '\n'});
inline constexpr std::size_t kTrailerBytes = 24;

}  // namespace adapipe::inline v0_1::layout
