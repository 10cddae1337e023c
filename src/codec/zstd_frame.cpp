#include "codec/zstd_frame.hpp"

#include <zstd_errors.h>

#include <adapipe/error.hpp>
#include <algorithm>
#include <string>

namespace adapipe::inline v0_1 {
namespace {

bool is_skippable(std::uint32_t magic) noexcept { return (magic & ~15u) == kZstdSkippableMagic; }

/// Of zstd 0.1, and of 0.2 to 0.7.
bool is_of_old_version(std::uint32_t magic) noexcept {
  return magic == 0x1EB52FFD || (magic >= 0xFD2FB522 && magic <= 0xFD2FB527);
}

/// Whether `front`, which is shorter than a magic, can be the beginning of one.
bool begins_magic(ByteSpan front) noexcept {
  const auto begins = [front](std::uint32_t magic, unsigned ignored_bits) {
    for (std::size_t i = 0; i < front.size(); ++i) {
      const auto differs = std::to_integer<unsigned>(front[i]) ^ (magic >> (8 * i) & 0xFF);
      if ((i == 0 ? differs & ~ignored_bits : differs) != 0) return false;
    }
    return true;
  };
  return begins(kZstdMagic, 0) || begins(kZstdSkippableMagic, 15);
}

[[noreturn]] void throw_truncated() {
  throw Error(errc::truncated, "the zstd file ends within the head of a frame");
}

/// A file may end within a head: ByteReader would call that corrupt.
class HeadReader {
 public:
  explicit HeadReader(ByteSpan front) noexcept : front_(front) {}

  /// Little-endian, of 0 to 8 bytes.
  std::uint64_t get(std::size_t bytes) {
    if (bytes > front_.size() - position_) throw_truncated();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value |= std::to_integer<std::uint64_t>(front_[position_ + i]) << (8 * i);
    position_ += bytes;
    return value;
  }
  std::size_t position() const noexcept { return position_; }

 private:
  ByteSpan front_;
  std::size_t position_ = 0;
};

std::uint32_t get_magic(HeadReader& reader, ByteSpan front) {
  if (front.size() < kZstdMagicBytes && !begins_magic(front))
    throw Error(errc::corrupt, "what follows the last zstd frame is none");
  const auto magic = static_cast<std::uint32_t>(reader.get(kZstdMagicBytes));
  if (is_of_old_version(magic))
    throw Error(errc::unsupported_version,
                "a zstd frame of a version before 0.8, which is not supported");
  if (magic != kZstdMagic && !is_skippable(magic))
    throw Error(errc::corrupt, "what follows the last zstd frame is none");
  return magic;
}

std::uint64_t window_bytes(std::uint64_t descriptor) noexcept {
  const std::uint64_t base = std::uint64_t{1} << (10 + (descriptor >> 3));
  return base + base / 8 * (descriptor & 7);
}

}  // namespace

bool starts_as_zstd(ByteSpan front) noexcept {
  if (front.size() < kZstdMagicBytes) return false;
  const auto magic = load_le<std::uint32_t>(front.data());
  return magic == kZstdMagic || is_skippable(magic) || is_of_old_version(magic);
}

ZstdFrameHead decode_zstd_frame_head(ByteSpan front) {
  HeadReader reader(front);
  if (is_skippable(get_magic(reader, front)))
    return {.is_skippable = true, .bytes = kZstdSkippableHeadBytes + reader.get(4)};
  const auto descriptor = static_cast<unsigned>(reader.get(1));
  if ((descriptor & 8) != 0)
    throw Error(errc::unsupported_version, "a zstd frame of a version that does not exist yet");
  const bool is_single_segment = (descriptor & 32) != 0;
  const unsigned size_code = descriptor >> 6;
  constexpr std::array<std::size_t, 4> kDictionaryIdBytes = {0, 1, 2, 4};
  ZstdFrameHead head{.has_checksum = (descriptor & 4) != 0};
  if (!is_single_segment) head.window_bytes = window_bytes(reader.get(1));
  if (const std::uint64_t dictionary = reader.get(kDictionaryIdBytes[descriptor & 3]))
    throw Error(errc::unsupported_version, "a zstd frame that needs the dictionary " +
                                               std::to_string(dictionary) +
                                               ": dictionaries are not supported");
  if (size_code != 0 || is_single_segment) {
    const std::uint64_t least = size_code == 1 ? 256 : 0;
    head.content_bytes = least + reader.get(std::size_t{1} << size_code);
  }
  if (is_single_segment) head.window_bytes = *head.content_bytes;
  head.bytes = reader.position();
  return head;
}

ZstdBlockHead decode_zstd_block_head(std::span<const std::byte, kZstdBlockHeadBytes> bytes) {
  const auto head = static_cast<std::uint32_t>(HeadReader(bytes).get(bytes.size()));
  const std::uint32_t type = head >> 1 & 3;
  constexpr std::uint32_t kRepeatedByte = 1;
  constexpr std::uint32_t kReserved = 3;
  if (type == kReserved) throw Error(errc::corrupt, "a zstd block of no known type");
  return {.is_last = (head & 1) != 0, .stored_bytes = type == kRepeatedByte ? 1 : head >> 3};
}

std::size_t zstd_frame_bound(std::size_t content_bytes) noexcept {
  return ZSTD_compressBound(content_bytes);
}

void ZstdFrameDecoder::decode(ByteSpan frame, std::span<std::byte> out) {
  const auto corrupt = [](const char* why) {
    return Error(errc::corrupt, std::string("the zstd frame cannot be decoded: ") + why);
  };
  const std::size_t frame_bytes = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_getErrorCode(frame_bytes) == ZSTD_error_frameParameter_windowTooLarge)
    throw Error(errc::limit_exceeded, "the zstd frame refers back farther than libzstd allows");
  if (ZSTD_isError(frame_bytes) != 0) throw corrupt(ZSTD_getErrorName(frame_bytes));
  if (frame_bytes != frame.size()) throw corrupt("it ends before it should");
  if (!context_) context_ = owned<DecompressorPtr>(ZSTD_createDCtx());
  const std::size_t made =
      ZSTD_decompressDCtx(context_.get(), out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(made) != 0) {
    if (ZSTD_getErrorCode(made) == ZSTD_error_dstSize_tooSmall)
      throw corrupt("it holds more than was said");
    throw corrupt(ZSTD_getErrorName(made));
  }
  if (made != out.size()) throw corrupt("it holds less than was said");
}

std::size_t ZstdFrameDecoder::bytes() noexcept { return ZSTD_estimateDCtxSize(); }

}  // namespace adapipe::inline v0_1
