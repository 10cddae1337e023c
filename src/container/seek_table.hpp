#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "container/seekable_layout.hpp"

namespace adapipe::inline v0_1 {

struct SeekTableEntry {
  std::uint32_t frame_bytes = 0;
  std::uint32_t plain_bytes = 0;
  std::uint32_t checksum = 0;  ///< low half of XXH64 of the plain bytes
  friend bool operator==(const SeekTableEntry&, const SeekTableEntry&) = default;
};

/// The table behind the frames of a seekable zstd file (seekable_layout.hpp), in order.
class SeekTable {
 public:
  /// Throws Error(limit_exceeded) if the table has no room for frame `frame`, by its number.
  static void check_frame_fits(std::uint64_t frame);

  /// Throws Error(limit_exceeded) beyond kMaxFrames or kMaxFramePlainBytes.
  void add(SeekTableEntry entry);

  std::uint64_t frames() const noexcept { return entries_.size(); }
  const std::vector<SeekTableEntry>& entries() const noexcept { return entries_; }

  /// The skippable frame that ends the file.
  std::vector<std::byte> encode() const;

 private:
  std::vector<SeekTableEntry> entries_;
};

}  // namespace adapipe::inline v0_1
