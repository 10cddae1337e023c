#include "container/seek_table.hpp"

#include <adapipe/error.hpp>

#include "util/endian.hpp"

namespace adapipe::inline v0_1 {

void SeekTable::check_frame_fits(std::uint64_t frame) {
  if (frame >= seekable_layout::kMaxFrames)
    throw Error(errc::limit_exceeded,
                "the stream has more chunks than a seekable zstd file holds; larger chunks make "
                "fewer")
        .at_chunk(frame);
}

void SeekTable::add(SeekTableEntry entry) {
  check_frame_fits(frames());
  if (entry.plain_bytes > seekable_layout::kMaxFramePlainBytes)
    throw Error(errc::limit_exceeded, "a frame of a seekable zstd file holds at most 1 GiB")
        .at_chunk(frames());
  entries_.push_back(entry);
}

std::vector<std::byte> SeekTable::encode() const {
  using namespace seekable_layout;
  const std::size_t content_bytes = entries_.size() * kEntryBytes + kFooterBytes;
  std::vector<std::byte> out(kTableHeadBytes + content_bytes);
  store_le(out.data(), kTableMagic);
  store_le(out.data() + 4, static_cast<std::uint32_t>(content_bytes));
  std::byte* at = out.data() + kTableHeadBytes;
  for (const SeekTableEntry& entry : entries_) {
    store_le(at, entry.frame_bytes);
    store_le(at + 4, entry.plain_bytes);
    store_le(at + 8, entry.checksum);
    at += kEntryBytes;
  }
  store_le(at, static_cast<std::uint32_t>(entries_.size()));
  at[4] = std::byte{kChecksumFlag};
  store_le(at + 5, kFooterMagic);
  return out;
}

}  // namespace adapipe::inline v0_1
