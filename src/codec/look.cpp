#include "codec/look.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace adapipe::inline v0_1 {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15u;  // an odd number without a pattern
// Random bytes have none, and compressed ones a few.
constexpr std::size_t kEnoughRepeats = 6;

std::uint64_t word_at(ByteSpan in, std::size_t at) noexcept {
  std::uint64_t word;
  std::memcpy(&word, in.data() + at, sizeof word);
  return word;
}

/// Of 0 .. most, the same for the same `number`: what is regular could hide between regular places.
std::size_t irregular(std::size_t number, std::size_t most) noexcept {
  return (number + 1) * kMix % (most + 1);
}

/// Where which word was seen last, in memory that is not aligned.
class Places {
 public:
  Places(ByteSpan in, unsigned log_places, std::byte* memory) noexcept
      : in_(in), shift_(64 - log_places), memory_(memory) {
    std::memset(memory_, 0, sizeof(std::uint32_t) << log_places);
  }

  /// Whether another place has the word at `at`.
  bool knows(std::size_t at) const noexcept {
    const std::uint64_t word = word_at(in_, at);
    std::uint32_t place;
    std::memcpy(&place, entry(word), sizeof place);
    return place != at && word_at(in_, place) == word;
  }

  void remember(std::size_t at) noexcept {
    const auto place = static_cast<std::uint32_t>(at);
    std::memcpy(entry(word_at(in_, at)), &place, sizeof place);
  }

 private:
  std::byte* entry(std::uint64_t word) const noexcept {
    return memory_ + sizeof(std::uint32_t) * (word * kMix >> shift_);
  }

  const ByteSpan in_;
  const unsigned shift_;
  std::byte* const memory_;
};

}  // namespace

bool has_repeats(ByteSpan in, std::span<std::byte> scratch) noexcept {
  constexpr std::size_t kSmallest = 1024;
  if (in.size() < kSmallest) return false;
  // Runs of `stride` places are remembered, one run in each `period`, and in between one place in
  // each `stride` is looked up: so some lookup in a long repeat meets a run, whatever the distance.
  const auto log_size = static_cast<unsigned>(std::bit_width(in.size()) - 1);
  const unsigned log_stride = std::max(log_size - 10, 4u) / 2;
  const std::size_t stride = std::size_t{1} << log_stride;
  const std::size_t period = stride << log_stride;
  Places places(in, log_size - log_stride, scratch.data());
  std::size_t repeats = 0;
  for (std::size_t begin = 0; begin + period + kWordBytes <= in.size(); begin += period) {
    const std::size_t run = begin + irregular(begin, period - stride);
    // An odd step: it meets records of a regular size at all their places.
    for (std::size_t at = begin; at < run; at += stride + 1) repeats += places.knows(at) ? 1 : 0;
    for (std::size_t at = run; at < run + stride; ++at) {
      repeats += places.knows(at) ? 1 : 0;
      places.remember(at);
    }
    for (std::size_t at = run + stride; at < begin + period; at += stride + 1)
      repeats += places.knows(at) ? 1 : 0;
    if (repeats >= kEnoughRepeats) return true;
  }
  return false;
}

bool Samples::next(std::span<std::byte> to) noexcept {
  if (rest_.size() < kPieces * stretch_bytes_) return false;
  for (std::size_t i = 0; i < kPieces; ++i) {
    const ByteSpan piece =
        rest_.subspan(irregular(pieces_++, stretch_bytes_ - piece_bytes_), piece_bytes_);
    std::copy(piece.begin(), piece.end(),
              to.begin() + static_cast<std::ptrdiff_t>(i * piece_bytes_));
    rest_ = rest_.subspan(stretch_bytes_);
  }
  return true;
}

}  // namespace adapipe::inline v0_1
