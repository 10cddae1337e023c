#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "support/bytes.hpp"

namespace adapipe::testing {

struct ZstFrameOptions {
  bool says_size = true;
  bool has_checksum = true;
  int window_log = 0;
};

/// One frame, as libzstd makes it.
Bytes zst_frame(std::span<const std::byte> plain, const ZstFrameOptions& options = {});

/// A skippable frame with the magic that ends in `nibble`.
Bytes skippable_frame(unsigned nibble, const Bytes& content);

Bytes joined(std::initializer_list<Bytes> parts);

/// What a seek table says of a frame.
struct ZstTableEntry {
  std::uint32_t frame_bytes;
  std::uint32_t plain_bytes;
  std::uint32_t checksum = 0;
};
Bytes zst_seek_table(const std::vector<ZstTableEntry>& entries, bool has_checksums = false);

/// Frames of `chunk_bytes` each.
struct ZstFile {
  Bytes bytes{};                       ///< the frames, without a table
  std::vector<ZstTableEntry> table{};  ///< the true one

  Bytes with_table(bool has_checksums = false) const {
    return joined({bytes, zst_seek_table(table, has_checksums)});
  }
};
ZstFile zst_file(std::span<const std::byte> plain, std::size_t chunk_bytes,
                 const ZstFrameOptions& options = {});

}  // namespace adapipe::testing
