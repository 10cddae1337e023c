#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

/// What a cheap look tells of a chunk that may be random, encrypted or already compressed.

/// Whether the same bytes stand at several places of `in`, however far apart. What makes up 3% of
/// it is found nearly always, 1% mostly, and 0.1% seldom. Reads one place in 32 of 4 MiB, one in 8
/// of 256 KiB.
/// `scratch`, of at least in.size() bytes, is overwritten in part.
bool has_repeats(ByteSpan in, std::span<std::byte> scratch) noexcept;

/// Pieces from all over a chunk, a few of them put together at a time. Samples of many pieces show
/// what is spread thinly, and short ones what stands in few places.
class Samples {
 public:
  /// Of each `stretch_bytes` of `in`, a piece of at most that.
  Samples(ByteSpan in, std::size_t stretch_bytes, std::size_t piece_bytes) noexcept
      : rest_(in), stretch_bytes_(stretch_bytes), piece_bytes_(piece_bytes) {}

  static constexpr std::size_t kPieces = 8;  ///< in a sample

  std::size_t sample_bytes() const noexcept { return kPieces * piece_bytes_; }
  /// Puts the next sample at the front of `to`; false: that was all.
  bool next(std::span<std::byte> to) noexcept;

 private:
  ByteSpan rest_;
  const std::size_t stretch_bytes_;
  const std::size_t piece_bytes_;
  std::size_t pieces_ = 0;  // that were taken
};

}  // namespace adapipe::inline v0_1
