// Finding the records of a container that is damaged behind its header.

#include "container/scan.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include "container/create.hpp"
#include "container/fixture.hpp"
#include "support/catch.hpp"
#include "support/tamper.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::size_t kHead = layout::kRecordHeaderBytes;

/// A container of one stage that passes everything on, with chunks as the test gives them.
struct Made {
  Bytes bytes;
  OpenedContainer opened;
};

Made make(bool encrypted, const std::vector<Bytes>& chunks, std::uint8_t random_seed = 0) {
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

std::vector<Bytes> few_chunks() {
  return {random_bytes(30, 1), random_bytes(1, 2), random_bytes(50, 3)};
}

/// What a test compares of a record: its number, type and content.
struct Found {
  RecordType type;
  std::uint64_t sequence;
  Bytes data;
  std::uint64_t offset;
};

std::vector<Found> scan(PositionalSourceImpl& source, const OpenedContainer& opened) {
  std::vector<Found> all;
  RecordScanner scanner(source, opened, {}, {});
  while (const auto record = scanner.next())
    all.push_back({record->header.type, record->header.sequence,
                   Bytes(record->data.begin(), record->data.end()), record->offset});
  return all;
}

std::vector<Found> scan(const Bytes& bytes, const OpenedContainer& opened,
                        std::size_t most = SIZE_MAX) {
  BytesSource source(bytes, most);
  return scan(source, opened);
}

/// "0 1 2 index"
std::string names_of(const std::vector<Found>& found) {
  std::string names;
  for (const Found& one : found) {
    if (!names.empty()) names += ' ';
    names += one.type == RecordType::index ? "index" : std::to_string(one.sequence);
  }
  return names;
}

/// Counts what is read.
class CountedSource final : public PositionalSourceImpl {
 public:
  explicit CountedSource(const Bytes& bytes) : source_(bytes) {}
  std::uint64_t total_bytes() const override { return source_.total_bytes(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    const std::size_t got = source_.read_at(offset, to);
    read_bytes += got;
    return got;
  }
  std::uint64_t read_bytes = 0;

 private:
  BytesSource source_;
};

Bytes record_header(std::uint32_t stored_bytes, std::uint64_t sequence = 1) {
  const auto bytes =
      encode_record_header({.plain_bytes = 1, .stored_bytes = stored_bytes, .sequence = sequence});
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("every record of a sound container is found where it stands") {
  for (const bool encrypted : {false, true}) {
    const std::vector<Bytes> chunks = few_chunks();
    const Made made = make(encrypted, chunks);
    const Tampered parts(made.bytes);
    for (const std::size_t most : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
      const std::vector<Found> found = scan(made.bytes, made.opened, most);
      REQUIRE(names_of(found) == "0 1 2 index");
      for (std::size_t k = 0; k < found.size(); ++k) {
        CHECK(found[k].offset == parts.offset_of(k));
        if (k < chunks.size()) CHECK(found[k].data == chunks[k]);
      }
      CHECK(decode_index_record({.type = RecordType::index, .sequence = 3}, found[3].data,
                                made.opened)
                .plain_total() == 81);
    }
  }
}

TEST_CASE("every record is found that a flipped byte does not touch") {
  for (const bool encrypted : {false, true}) {
    const Made made = make(encrypted, few_chunks());
    const Tampered parts(made.bytes);
    for (std::size_t at = parts.head.size(); at < made.bytes.size(); ++at)
      for (const unsigned mask : {0x01u, 0x10u, 0x80u, 0xFFu}) {
        INFO("byte " << at << " ^ " << mask);
        const Place place = parts.place_of(at);
        std::string expected;
        for (std::size_t k = 0; k < 4; ++k)
          if (place.part == Part::trailer_fields || place.part == Part::end_magic ||
              place.record != k)
            expected += (expected.empty() ? "" : " ") + (k == 3 ? "index" : std::to_string(k));
        CHECK(names_of(scan(flipped(made.bytes, at, std::byte(mask)), made.opened)) == expected);
      }
  }
}

TEST_CASE("records are found wherever they are now, and only their own container's") {
  for (const bool encrypted : {false, true}) {
    const Made made = make(encrypted, few_chunks());
    const Tampered sound(made.bytes);
    const Tampered other(make(encrypted, few_chunks(), 9).bytes);
    const auto magic = Bytes(layout::kRecordMagic.begin(), layout::kRecordMagic.end());
    const struct {
      const char* what;
      std::function<void(Tampered&)> edit;
      std::string expected;
    } cases[] = {
        {"cut in the last record",
         [](Tampered& t) {
           t.trailer.clear();
           t.grow(3, -1);
         },
         "0 1 2"},
        {"cut behind the first",
         [](Tampered& t) {
           t.trailer.clear();
           t.records.resize(1);
         },
         "0"},
        {"nothing left",
         [](Tampered& t) {
           t.trailer.clear();
           t.records.clear();
         },
         ""},
        {"a part of a record header left",
         [](Tampered& t) {
           t.trailer.clear();
           t.records.resize(2);
           t.records[1].resize(23);
         },
         "0"},
        {"a byte more", [](Tampered& t) { t.records[0].insert(t.records[0].begin(), std::byte{}); },
         "0 1 2 index"},
        {"a byte more within",
         [](Tampered& t) { t.records[1].insert(t.records[1].begin() + 30, std::byte{}); },
         "0 2 index"},
        {"a byte less", [](Tampered& t) { t.records[1].erase(t.records[1].begin()); }, "0 2 index"},
        {"a whole magic before each",
         [&](Tampered& t) {
           for (Bytes& record : t.records) record = joined(magic, record);
         },
         "0 1 2 index"},
        {"a part of a magic before each",
         [](Tampered& t) {
           for (Bytes& record : t.records) record.insert(record.begin(), std::byte{0xEF});
         },
         "0 1 2 index"},
        {"zeros over two",
         [](Tampered& t) {
           std::ranges::fill(t.records[0], std::byte{});
           std::ranges::fill(t.records[1], std::byte{});
         },
         "2 index"},
        {"swapped", [](Tampered& t) { t.swap(0, 2); }, "2 1 0 index"},
        {"twice", [](Tampered& t) { t.duplicate(1); }, "0 1 1 2 index"},
        {"another number", [](Tampered& t) { t.add_to<std::uint64_t>(1, 16, 1); }, "0 2 index"},
        {"a record of another container", [&](Tampered& t) { t.records[1] = other.records[1]; },
         "0 2 index"},
        {"the index of another container", [&](Tampered& t) { t.records[3] = other.records[3]; },
         "0 1 2"},
        {"all of another container",
         [&](Tampered& t) {
           const Bytes head = t.head;
           t = other;
           t.head = head;
         },
         ""},
        {"the other one appended",
         [&](Tampered& t) { t.trailer = joined(t.trailer, other.bytes()); }, "0 1 2 index"},
    };
    for (const auto& [what, edit, expected] : cases) {
      INFO(what);
      Tampered tampered(made.bytes);
      edit(tampered);
      CHECK(names_of(scan(tampered.bytes(), made.opened)) == expected);
    }
  }
}

TEST_CASE("a record is found wherever it begins among the blocks that are read") {
  const Made made = make(true, few_chunks());
  Tampered damaged(made.bytes);
  for (std::size_t zeros = 64 * 1024 - 60; zeros < 64 * 1024 + 30; ++zeros) {
    INFO(zeros << " zeros");
    damaged.records[0] = Bytes(zeros);
    CHECK(names_of(scan(damaged.bytes(), made.opened)) == "1 2 index");
  }
}

TEST_CASE("a magic within an intact record means nothing") {
  Bytes chunk;
  for (int i = 0; i < 500; ++i) chunk = joined(chunk, record_header(40));
  const Made made = make(false, {chunk, chunk});
  CountedSource source(made.bytes);
  CHECK(names_of(scan(source, made.opened)) == "0 1 index");
  CHECK(source.read_bytes < 4 * made.bytes.size());  // headers and payloads, but no attempts
}

TEST_CASE("false records cost linear work, and hide only what they claim") {
  for (const std::uint32_t claimed : {17u, 24u, 1000u, 60000u}) {
    INFO("records that claim " << claimed << " bytes");
    Bytes false_records;
    while (false_records.size() < 300000)
      false_records = joined(std::move(false_records), record_header(claimed));
    const Made made = make(true, few_chunks());
    Tampered damaged(made.bytes);
    damaged.records[0] = joined(false_records, Bytes(claimed));
    const Bytes bytes = damaged.bytes();
    CountedSource source(bytes);
    CHECK(names_of(scan(source, made.opened)) == "1 2 index");
    CHECK(source.read_bytes < (RecordScanner::kMaxTries + 3) * damaged.size());
  }
}

TEST_CASE("a scan tells how far it is, and asks before it takes memory") {
  const Made made = make(true, few_chunks());
  const std::uint64_t head_bytes = made.opened.records_offset;
  Bytes bytes = joined(made.bytes, Bytes(200000));
  BytesSource source(bytes);
  std::uint64_t passed = 0;
  std::size_t reserved = 0;
  RecordScanner scanner(
      source, made.opened, [&](std::size_t more) { reserved += more; },
      [&](std::uint64_t more) { passed += more; });
  for (std::size_t record = 0; record < 4; ++record) {
    REQUIRE(scanner.next());
    CHECK(passed == Tampered(made.bytes).offset_of(record + 1) - head_bytes);
  }
  CHECK_FALSE(scanner.next());
  CHECK(bytes.size() - head_bytes - passed < kHead);
  CHECK(reserved == 66);

  RecordScanner stopped(source, made.opened, {},
                        [](std::uint64_t) { throw Error(errc::cancelled, "enough"); });
  CHECK(kind_of([&] { stopped.next(); }) == errc::cancelled);
  RecordScanner poor(source, made.opened,
                     [](std::size_t) { throw Error(errc::resource_exhausted, "no"); }, {});
  CHECK(kind_of([&] { poor.next(); }) == errc::resource_exhausted);
}

TEST_CASE("what may begin a record is what a record header may be") {
  for (const bool encrypted : {false, true}) {
    const Made made = make(encrypted, few_chunks());
    for (const RecordHeader& header :
         {RecordHeader{.plain_bytes = 1, .stored_bytes = 17},
          RecordHeader{.plain_bytes = 65536, .stored_bytes = 2 * 65536 + 65536},
          RecordHeader{.type = RecordType::index, .plain_bytes = 16, .stored_bytes = 32},
          RecordHeader{.type = RecordType::index, .plain_bytes = 16, .stored_bytes = 24}})
      for (std::size_t at = 0; at < kHead; ++at)
        for (unsigned value = 0; value < 256; ++value) {
          RecordHeaderBytes bytes = encode_record_header(header);
          bytes[at] = std::byte(value);
          const bool decodes =
              !kind_of([&] { decode_record_header(bytes, made.opened.header); }).has_value();
          if (is_record_header(bytes, made.opened.header) != decodes)
            FAIL_CHECK("byte " << at << " = " << value);
        }
  }
}
