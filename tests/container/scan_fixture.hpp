#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "container/create.hpp"
#include "container/fixture.hpp"
#include "container/scan.hpp"
#include "support/tamper.hpp"

namespace adapipe::testing {

inline constexpr std::size_t kHead = layout::kRecordHeaderBytes;
/// As FORMAT.md has them: openings of one type that fail for one byte, and readings of it
/// altogether.
inline constexpr std::size_t kMaxTries = 8;
inline constexpr std::size_t kMaxReads = 18;

/// A container of one stage that passes everything on, with chunks as the test gives them.
struct Made {
  Bytes bytes;
  OpenedContainer opened;
};

inline Made make(bool encrypted, const std::vector<Bytes>& chunks, std::uint8_t random_seed = 0) {
  Header header;
  header.chunk_bytes = 65536;
  std::optional<Cipher> cipher;
  if (encrypted) cipher = aes_256_gcm({.recipients = {shared_key(1)}});
  FixedRandom random(random_seed);
  const NewContainer made = create_container(header, cipher, {}, random);
  Made out{.bytes = made.head, .opened = {}};
  RecordProtector protector(made.keys);
  const auto add = [&](RecordHeader record, const Bytes& data) {
    record.plain_bytes = static_cast<std::uint32_t>(data.size());
    const std::size_t at = out.bytes.size();
    out.bytes.resize(at + kHead + data.size() + protector.overhead_bytes());
    protector.seal(record, data, out.bytes.data() + at);
    return IndexEntry{.stored_bytes = record.stored_bytes, .plain_bytes = record.plain_bytes};
  };
  Index index;
  for (const Bytes& chunk : chunks)
    index.add(add({.type = RecordType::chunk, .sequence = index.chunks()}, chunk));
  const std::vector<std::byte> tail = seal_tail(index, out.bytes.size(), made.keys);
  out.bytes.insert(out.bytes.end(), tail.begin(), tail.end());
  BytesSource source(out.bytes);
  out.opened = open_container(
      read_full_from(static_cast<PositionalSourceImpl&>(source)),
      {.identities = encrypted ? ListOf<Identity>{shared_key(1)} : ListOf<Identity>{},
       .context = {}});
  return out;
}

inline std::vector<Bytes> few_chunks() {
  return {random_bytes(30, 1), random_bytes(1, 2), random_bytes(50, 3)};
}

/// What a test compares of a record: its number, type and content.
struct Found {
  RecordType type;
  std::uint64_t sequence;
  Bytes data;
  std::uint64_t offset;
};

inline std::vector<Found> scan(PositionalSourceImpl& source, const OpenedContainer& opened) {
  std::vector<Found> all;
  RecordScanner scanner(source, opened, {}, {}, {});
  while (const auto record = scanner.next())
    all.push_back({record->header.type, record->header.sequence,
                   Bytes(record->data.begin(), record->data.end()), record->offset});
  return all;
}

inline std::vector<Found> scan(const Bytes& bytes, const OpenedContainer& opened,
                               std::size_t most = SIZE_MAX) {
  BytesSource source(bytes, most);
  return scan(source, opened);
}

/// "0 1 2 index"
inline std::string names_of(const std::vector<Found>& found) {
  std::string names;
  for (const Found& one : found) {
    if (!names.empty()) names += ' ';
    names += one.type == RecordType::index ? "index" : std::to_string(one.sequence);
  }
  return names;
}

/// Counts how often each byte is read.
class CountedSource final : public PositionalSourceImpl {
 public:
  explicit CountedSource(const Bytes& bytes) : source_(bytes), reads_(bytes.size()) {}
  std::uint64_t total_bytes() const override { return source_.total_bytes(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    const std::size_t got = source_.read_at(offset, to);
    for (std::size_t at = 0; at < got; ++at) ++reads_[static_cast<std::size_t>(offset) + at];
    return got;
  }
  std::size_t most_reads() const { return std::ranges::max(reads_); }

 private:
  BytesSource source_;
  std::vector<std::size_t> reads_;
};

inline Bytes record_header(std::uint32_t stored_bytes) {
  const auto bytes =
      encode_record_header({.plain_bytes = 1, .stored_bytes = stored_bytes, .sequence = 1});
  return {bytes.begin(), bytes.end()};
}

/// Of an encrypted container, whose chunks fill it.
inline Bytes index_header(std::uint32_t stored_bytes) {
  const auto plain_bytes = static_cast<std::uint32_t>(stored_bytes - layout::kTagBytes);
  const auto bytes = encode_record_header(
      {.type = RecordType::index,
       .plain_bytes = plain_bytes,
       .stored_bytes = stored_bytes,
       .sequence = (plain_bytes - layout::kIndexHeadBytes) / layout::kIndexEntryBytes});
  return {bytes.begin(), bytes.end()};
}

}  // namespace adapipe::testing
