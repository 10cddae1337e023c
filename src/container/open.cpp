#include "container/open.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "io/checked_read.hpp"
#include "util/stop.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::uint64_t kLeastRecordBytes = layout::kRecordHeaderBytes + layout::kCheckBytes + 1;
/// The payload, the entries and the offsets that readers make of them.
constexpr std::size_t kMemoryPerIndexByte = 4;

/// Everything before the first record.
struct Head {
  std::vector<std::byte> bytes;
  Header header;

  ByteSpan authenticated() const noexcept {
    return ByteSpan(bytes).first(bytes.size() - layout::kHeaderSumBytes - layout::kHeaderTagBytes);
  }
  ByteSpan tag() const noexcept { return ByteSpan(bytes).last(layout::kHeaderTagBytes); }
};

Head read_head(const ReadFull& read) {
  Head head;
  head.bytes.resize(layout::kPreambleBytes);
  const std::size_t preamble_bytes = read(head.bytes);
  const std::size_t rest_bytes = header_rest_bytes(ByteSpan(head.bytes).first(preamble_bytes));
  head.bytes.resize(layout::kPreambleBytes + rest_bytes);
  const std::size_t got = read(std::span(head.bytes).subspan(layout::kPreambleBytes));
  if (got < rest_bytes)
    throw Error(errc::truncated, "the container ends within its header")
        .at_offset(layout::kPreambleBytes + got);
  head.header = decode_header(ByteSpan(head.bytes).first(head.bytes.size() - head.tag().size()));
  return head;
}

OpenedContainer open_plain(Head head, const OpenOptions& options) {
  const Digest256 tag = compute_header_tag(Integrity::checksum, {}, head.authenticated());
  if (!equal_constant_time(tag, head.tag()))
    throw Error(errc::corrupt, "the container's header was changed")
        .at_offset(head.bytes.size() - tag.size());
  refuse_if_key_expected(options);
  OpenedContainer opened{
      .header = std::move(head.header), .keys = {}, .records_offset = head.bytes.size()};
  opened.keys.integrity = Integrity::checksum;
  opened.keys.seed = load_le<std::uint64_t>(tag.data());
  return opened;
}

/// Tries slots and identities until one gives the key that made the header tag.
class KeySearch {
 public:
  KeySearch(const Head& head, const OpenOptions& options) noexcept
      : head_(head), options_(options) {}

  struct Found {
    KeySchedule schedule;
    std::size_t slot;
  };

  Found run() {
    const std::vector<Slot>& slots = head_.header.slots;
    for (std::size_t slot = 0; slot < slots.size(); ++slot)
      for (const Identity& identity : options_.identities)
        if (const auto file_key = unwrap(slots[slot], identity)) {
          const KeySchedule schedule(*file_key, head_.header.file_salt, options_.context);
          if (fits(schedule)) return {.schedule = schedule, .slot = slot};
        }
    if (not_tried_) throw Error(*not_tried_);
    throw Error(errc::wrong_key, "no given key opens this container");
  }

 private:
  /// A slot that asks for too much work, or whose key service is down, must not keep another key
  /// from opening the container.
  std::optional<FileKey> unwrap(const Slot& slot, const Identity& identity) {
    try {
      return identity.impl().unwrap(slot, head_.header.file_salt, options_.stop);
    } catch (const Error& error) {
      if (error.kind() == errc::cancelled) throw;
      if (!not_tried_) not_tried_ = error;
      return std::nullopt;
    }
  }

  bool fits(const KeySchedule& schedule) const {
    const SecretBytes header_key = schedule.header_key();
    return equal_constant_time(
        compute_header_tag(Integrity::aead, header_key.bytes(), head_.authenticated()),
        head_.tag());
  }

  const Head& head_;
  const OpenOptions& options_;
  std::optional<Error> not_tried_;  // the first slot that failed for another reason than its key
};

OpenedContainer open_encrypted(Head head, const OpenOptions& options) {
  const auto [schedule, slot] = KeySearch(head, options).run();
  // Only now: which of a host's ciphers runs is not for whoever has no key to say.
  auto cipher = options.registry.cipher(head.header.cipher);
  OpenedContainer opened{.header = std::move(head.header),
                         .keys = {},
                         .records_offset = head.bytes.size(),
                         .opened_slot = slot};
  if (options.keep_schedule) opened.schedule = schedule;
  opened.keys.integrity = Integrity::aead;
  opened.keys.key = schedule.record_key(*cipher);
  opened.keys.cipher = std::move(cipher);
  return opened;
}

template <typename F>
auto annotated(std::uint64_t offset, F&& step) {
  try {
    return step();
  } catch (Error& error) {
    error.at_offset(offset);
    throw;
  }
}

/// A trailer whose index record fills the space between itself and the records.
Trailer read_trailer(PositionalSourceImpl& source, std::uint64_t records_offset,
                     const std::stop_token& stop) {
  const std::uint64_t total = source.total_bytes();
  if (total < records_offset + layout::kTrailerBytes)
    throw Error(errc::truncated, "the container ends before its first record").at_offset(total);
  const std::uint64_t trailer_at = total - layout::kTrailerBytes;
  std::array<std::byte, layout::kTrailerBytes> bytes;
  read_exactly(source, trailer_at, bytes, stop);
  const std::optional<Trailer> trailer = decode_trailer(bytes);
  if (!trailer)
    throw Error(errc::truncated,
                "the container's end is missing: it was cut short, or bytes were appended")
        .at_offset(trailer_at);
  if (trailer->index_record_bytes < layout::kRecordHeaderBytes ||
      trailer->index_record_bytes > layout::kMaxIndexBytes ||
      trailer->index_offset < records_offset || trailer->index_offset > trailer_at ||
      trailer->index_record_bytes != trailer_at - trailer->index_offset)
    throw Error(errc::corrupt, "the container's trailer points to no index").at_offset(trailer_at);
  return *trailer;
}

}  // namespace

ReadFull read_full_from(SourceImpl& source, std::stop_token stop) {
  return [&source, stop = std::move(stop)](std::span<std::byte> to) {
    std::size_t done = 0;
    while (done < to.size()) {
      throw_if_stopped(stop);
      const std::size_t got = checked_read(source, to.subspan(done));
      if (got == 0) break;
      done += got;
    }
    return done;
  };
}

ReadFull read_full_from(PositionalSourceImpl& source, std::stop_token stop) {
  return [&source, stop = std::move(stop),
          position = std::uint64_t{0}](std::span<std::byte> to) mutable {
    std::size_t done = 0;
    while (done < to.size()) {
      throw_if_stopped(stop);
      const std::size_t got = checked_read_at(source, position, to.subspan(done));
      if (got == 0) break;
      done += got;
      position += got;
    }
    return done;
  };
}

void read_exactly(PositionalSourceImpl& source, std::uint64_t offset, std::span<std::byte> to,
                  const std::stop_token& stop) {
  for (std::size_t done = 0; done < to.size();) {
    throw_if_stopped(stop);
    const std::size_t got = checked_read_at(source, offset + done, to.subspan(done));
    if (got == 0)
      throw Error(errc::truncated, "the input became shorter while it was read")
          .at_offset(offset + done);
    done += got;
  }
}

void refuse_if_key_expected(const OpenOptions& options) {
  if (!options.identities.empty() && !options.allow_unencrypted)
    throw Error(errc::wrong_key, "not encrypted though a key was given");
  if (!options.context.empty())
    throw Error(errc::wrong_key, "not encrypted though a context was given");
}

OpenedContainer open_container(const ReadFull& read, const OpenOptions& options) {
  Head head = read_head(read);
  return head.header.integrity == Integrity::aead ? open_encrypted(std::move(head), options)
                                                  : open_plain(std::move(head), options);
}

Header read_header(const ReadFull& read) { return read_head(read).header; }

bool index_bytes_fit(const RecordHeader& header) noexcept {
  if (header.sequence > header.plain_bytes / layout::kIndexEntryBytes) return false;
  const std::uint64_t least = layout::kIndexHeadBytes + layout::kIndexEntryBytes * header.sequence;
  const std::uint64_t most = least + layout::kMaxIndexSectionBytes;
  return header.plain_bytes >= least && header.plain_bytes <= most;
}

void check_index_bytes(const RecordHeader& header, std::uint64_t chunks) {
  if (header.sequence != chunks || !index_bytes_fit(header))
    throw Error(errc::corrupt, "the index is not of the size that its chunks need");
}

Index read_index(PositionalSourceImpl& source, const OpenedContainer& container,
                 const ReserveMemory& reserve, const std::stop_token& stop,
                 std::vector<std::byte>* record) {
  const Trailer trailer = read_trailer(source, container.records_offset, stop);
  return annotated(trailer.index_offset, [&] {
    RecordHeaderBytes bytes;
    read_exactly(source, trailer.index_offset, bytes, stop);
    const RecordHeader header = decode_record_header(bytes, container.header);
    if (header.type != RecordType::index ||
        layout::kRecordHeaderBytes + std::uint64_t{header.stored_bytes} !=
            trailer.index_record_bytes)
      throw Error(errc::corrupt, "the container's trailer points to no index");
    // As many chunks as there is space for, of at least one byte each.
    const std::uint64_t space = trailer.index_offset - container.records_offset;
    check_index_bytes(header, std::min(header.sequence, space / kLeastRecordBytes));
    if (reserve) reserve(kMemoryPerIndexByte * header.stored_bytes);
    std::vector<std::byte> payload(header.stored_bytes);
    read_exactly(source, trailer.index_offset + bytes.size(), payload, stop);
    if (record) *record = std::move(ByteWriter().put(bytes).put(payload)).take();
    Index index = open_index_record(bytes, header, payload, container);
    if (index.records_total() != trailer.index_offset - container.records_offset)
      throw Error(errc::corrupt, "the records do not fill the space before the index");
    return index;
  });
}

Index open_index_record(std::span<const std::byte, layout::kRecordHeaderBytes> header_bytes,
                        const RecordHeader& header, std::span<std::byte> payload,
                        const OpenedContainer& container) {
  RecordProtector protector(container.keys);
  return decode_index_record(header, protector.open(header_bytes, header, payload), container);
}

Index decode_index_record(const RecordHeader& header, ByteSpan content,
                          const OpenedContainer& container) {
  Index index = Index::decode(content);
  if (index.chunks() != header.sequence)
    throw Error(errc::corrupt, "the index does not have as many entries as its record says");
  if (container.header.plain_bytes && index.plain_total() != *container.header.plain_bytes)
    throw Error(errc::corrupt, "the index does not add up to the length in the header");
  for (std::uint64_t chunk = 0; chunk < index.chunks(); ++chunk) {
    try {
      check_chunk_sizes(index[chunk].plain_bytes, index[chunk].stored_bytes, container.header);
    } catch (Error& error) {
      error.at_chunk(chunk);
      throw;
    }
  }
  return index;
}

}  // namespace adapipe::inline v0_1
