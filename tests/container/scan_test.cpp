// Finding the records of a container that is damaged behind its header.

#include <functional>
#include <string>

#include "container/scan_fixture.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

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
