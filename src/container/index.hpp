#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "container/layout.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

struct IndexEntry {
  std::uint32_t stored_bytes = 0;  ///< payload of the record, without its header
  std::uint32_t plain_bytes = 0;
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

/// The sizes of all chunks, in order. Offsets follow from them.
class Index {
 public:
  /// Throws Error(limit_exceeded) if the index record or a total would outgrow the format; asked
  /// before a chunk is sealed, by its number.
  static void check_chunk_fits(std::uint64_t chunk);

  /// Throws Error(limit_exceeded) beyond kMaxTotalBytes or kMaxIndexBytes.
  void add(IndexEntry entry);

  std::uint64_t chunks() const noexcept { return entries_.size(); }
  std::uint64_t plain_total() const noexcept { return plain_total_; }
  /// Bytes of all chunk records, record headers included.
  std::uint64_t records_total() const noexcept { return records_total_; }
  const IndexEntry& operator[](std::uint64_t chunk) const { return entries_[chunk]; }
  const std::vector<IndexEntry>& entries() const noexcept { return entries_; }

  /// Plain content of the index record.
  std::vector<std::byte> encode() const;
  /// Throws Error(corrupt) unless everything adds up.
  static Index decode(ByteSpan content);

 private:
  std::vector<IndexEntry> entries_;
  std::uint64_t plain_total_ = 0;
  std::uint64_t records_total_ = 0;
};

struct Trailer {
  std::uint64_t index_offset = 0;        ///< of the index record, from the start of the container
  std::uint64_t index_record_bytes = 0;  ///< record header included
};
std::array<std::byte, layout::kTrailerBytes> encode_trailer(const Trailer& trailer) noexcept;
/// Nothing without the end magic. What that means depends on where the bytes come from.
std::optional<Trailer> decode_trailer(std::span<const std::byte, layout::kTrailerBytes> bytes);

}  // namespace adapipe::inline v0_1
