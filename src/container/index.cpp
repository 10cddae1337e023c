#include "container/index.hpp"

#include <algorithm>

namespace adapipe::inline v0_1 {
namespace {

/// Of those that version 1 knows: 1 is a content digest, 2 private metadata.
constexpr std::uint16_t kLastKnownSection = 2;

/// The sections after the entries. Version 1 gives a meaning to two, both of which a reader may
/// skip; their form is checked all the same.
void check_sections(ByteReader& reader) {
  if (reader.rest().size() > layout::kMaxIndexSectionBytes)
    throw Error(errc::corrupt, "the index's sections have more than 1 MiB");
  std::uint16_t last_tag = 0;
  while (!reader.empty()) {
    const auto tag = reader.get<std::uint16_t>();
    const auto flags = reader.get<std::uint16_t>();
    reader.get(reader.get<std::uint32_t>());
    if (tag <= last_tag) throw Error(errc::corrupt, "the index's sections are out of order");
    if ((flags & ~layout::kCritical) != 0)
      throw Error(errc::corrupt, "an index section has flags that do not exist");
    if (flags == layout::kCritical && tag <= kLastKnownSection)
      throw Error(errc::corrupt, "an index section has the wrong critical flag");
    if (flags == layout::kCritical)
      throw Error(errc::unsupported_version,
                  "the index has a section that this version does not know but would have to");
    last_tag = tag;
  }
}

}  // namespace

void Index::check_chunk_fits(std::uint64_t chunk) {
  constexpr std::uint64_t kRoom = layout::kMaxIndexBytes - layout::kRecordHeaderBytes -
                                  layout::kIndexHeadBytes - layout::kTagBytes;
  if (chunk >= kRoom / layout::kIndexEntryBytes)
    throw Error(errc::limit_exceeded,
                "the stream has more chunks than a container holds; larger chunks make fewer")
        .at_chunk(chunk);
}

void Index::add(IndexEntry entry) {
  check_chunk_fits(chunks());
  const std::uint64_t plain = plain_total_ + entry.plain_bytes;
  const std::uint64_t records = records_total_ + layout::kRecordHeaderBytes + entry.stored_bytes;
  const std::uint64_t stored = records - (chunks() + 1) * layout::kRecordHeaderBytes;
  if (plain > layout::kMaxTotalBytes || stored > layout::kMaxTotalBytes)
    throw Error(errc::limit_exceeded, "the stream is longer than a container holds")
        .at_chunk(chunks());
  entries_.push_back(entry);
  plain_total_ = plain;
  records_total_ = records;
}

std::vector<std::byte> Index::encode() const {
  std::vector<std::byte> out(layout::kIndexHeadBytes + entries_.size() * layout::kIndexEntryBytes);
  store_le(out.data(), chunks());
  store_le(out.data() + 8, plain_total_);
  std::byte* at = out.data() + layout::kIndexHeadBytes;
  for (const IndexEntry& entry : entries_) {
    store_le(at, entry.stored_bytes);
    store_le(at + 4, entry.plain_bytes);
    at += layout::kIndexEntryBytes;
  }
  return out;
}

Index Index::decode(ByteSpan content) {
  ByteReader reader(content, "the index");
  const auto chunks = reader.get<std::uint64_t>();
  const auto plain_total = reader.get<std::uint64_t>();
  if (chunks > reader.rest().size() / layout::kIndexEntryBytes)
    throw Error(errc::corrupt, "the index has fewer entries than it says");
  Index index;
  index.entries_.reserve(chunks);
  try {
    for (std::uint64_t chunk = 0; chunk < chunks; ++chunk) {
      const auto stored_bytes = reader.get<std::uint32_t>();
      const auto plain_bytes = reader.get<std::uint32_t>();
      index.add({.stored_bytes = stored_bytes, .plain_bytes = plain_bytes});
    }
  } catch (const Error&) {
    throw Error(errc::corrupt, "the index claims more than a container holds");
  }
  if (index.plain_total() != plain_total)
    throw Error(errc::corrupt, "the index does not add up to its total");
  check_sections(reader);
  return index;
}

std::array<std::byte, layout::kTrailerBytes> encode_trailer(const Trailer& trailer) noexcept {
  std::array<std::byte, layout::kTrailerBytes> out;
  store_le(out.data(), trailer.index_offset);
  store_le(out.data() + 8, trailer.index_record_bytes);
  std::ranges::copy(layout::kEndMagic, out.begin() + 16);
  return out;
}

std::optional<Trailer> decode_trailer(std::span<const std::byte, layout::kTrailerBytes> bytes) {
  if (!std::equal(layout::kEndMagic.begin(), layout::kEndMagic.end(), bytes.begin() + 16))
    return std::nullopt;
  return Trailer{.index_offset = load_le<std::uint64_t>(bytes.data()),
                 .index_record_bytes = load_le<std::uint64_t>(bytes.data() + 8)};
}

}  // namespace adapipe::inline v0_1
