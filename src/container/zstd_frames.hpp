#pragma once

#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "container/open.hpp"

namespace adapipe::inline v0_1 {

/// A frame of a zstd file that can be decoded by itself, from the front of the file or not.
struct ZstdFrame {
  std::uint64_t offset = 0;        ///< where it starts in the file
  std::uint64_t plain_offset = 0;  ///< where what is in it starts
  std::uint32_t frame_bytes = 0;
  std::uint32_t plain_bytes = 0;  ///< may be 0
  /// From the seek table, if that has it: the low half of XXH64 of what is in the frame.
  std::optional<std::uint32_t> checksum{};
  friend bool operator==(const ZstdFrame&, const ZstdFrame&) = default;
};

/// The frames of a zstd file, in order; skippable ones are left out.
struct ZstdFrames {
  std::vector<ZstdFrame> frames{};
  std::uint64_t plain_bytes = 0;  ///< of all of them
  /// Why it can only be decoded from front to back, if that is so. `frames` are then of no use.
  std::string obstacle{};

  bool independent() const noexcept { return obstacle.empty(); }
};

struct ZstdFramesOptions {
  std::uint64_t max_frame_plain_bytes = 0;  ///< a larger frame is an obstacle
  ReserveMemory reserve{};                  ///< asked before memory is taken for more frames
  std::stop_token stop{};
};

/// Finds the frames without decoding any: by the seek table (seekable_layout.hpp) if there is one,
/// held against the heads of the frames it names; else from block to block. Takes time linear in
/// the source and small reads. What it says is a claim until a frame was decoded: that a frame
/// gives as many bytes, and ends where it should, is for the decoder to check.
///
/// Throws Error(truncated), (corrupt), (unsupported_version) with frame and offset.
ZstdFrames find_zstd_frames(PositionalSourceImpl& source, const ZstdFramesOptions& options);

}  // namespace adapipe::inline v0_1
