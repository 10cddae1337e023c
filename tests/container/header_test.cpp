#include "container/header.hpp"

#include <initializer_list>
#include <string>

#include "container/fixture.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

Slot slot_of(std::uint16_t type, std::size_t body_bytes) {
  return {.type = type, .body = Bytes(body_bytes, std::byte{0x11})};
}

Header aead_header() {
  Header header = asked_header();
  header.integrity = Integrity::aead;
  header.cipher = 2;
  header.slots = {slot_of(1, 96)};
  FixedRandom(7).fill(header.file_salt);
  return header;
}

Header checksum_header() {
  Header header = aead_header();
  header.integrity = Integrity::checksum;
  header.cipher = 0;
  header.slots.clear();
  return header;
}

void check_same(const Header& a, const Header& b) {
  CHECK(a.chunk_bytes == b.chunk_bytes);
  CHECK(a.integrity == b.integrity);
  CHECK(a.cipher == b.cipher);
  CHECK(a.file_salt == b.file_salt);
  REQUIRE(a.stages.size() == b.stages.size());
  for (std::size_t i = 0; i < a.stages.size(); ++i) {
    CHECK(a.stages[i].id == b.stages[i].id);
    CHECK(a.stages[i].parameters == b.stages[i].parameters);
  }
  REQUIRE(a.slots.size() == b.slots.size());
  for (std::size_t i = 0; i < a.slots.size(); ++i) {
    CHECK(a.slots[i].type == b.slots[i].type);
    CHECK(a.slots[i].body == b.slots[i].body);
  }
  CHECK(a.plain_bytes == b.plain_bytes);
  CHECK(a.metadata == b.metadata);
  CHECK(a.padding_bytes == b.padding_bytes);
  CHECK(a.minor == b.minor);
  CHECK(a.unknown == b.unknown);
}

template <typename Edit>
struct HeaderCase {
  const char* name;
  Edit edit;
};

std::string repeated(std::size_t count) { return std::string(count, 'x'); }

/// An edit that makes a header which cannot be written, and the error that says so.
struct Refusal {
  const char* name;
  void (*edit)(Header&);
  errc expected;
};

void check_refused(std::initializer_list<Refusal> refusals) {
  for (const auto& [name, edit, expected] : refusals) {
    INFO(name);
    Header header = aead_header();
    edit(header);
    CHECK(kind_of([&] { encode_header(header); }) == expected);
  }
}

}  // namespace

TEST_CASE("a header read back is the header that was written") {
  using Edit = void (*)(Header&);
  const HeaderCase<Edit> cases[] = {
      {"everything", [](Header&) {}},
      {"nothing that can be left out",
       [](Header& h) {
         h.stages.clear();
         h.plain_bytes.reset();
         h.metadata.clear();
         h.padding_bytes.reset();
       }},
      {"smallest chunk", [](Header& h) { h.chunk_bytes = 4096; }},
      {"largest chunk", [](Header& h) { h.chunk_bytes = 256 << 20; }},
      {"16 stages", [](Header& h) { h.stages.assign(16, {.id = "a", .parameters = {}}); }},
      {"longest stage id", [](Header& h) { h.stages = {{.id = repeated(255)}}; }},
      {"plain_bytes zero", [](Header& h) { h.plain_bytes = 0; }},
      {"plain_bytes at its limit", [](Header& h) { h.plain_bytes = std::uint64_t{1} << 52; }},
      {"metadata at its limit",
       [](Header& h) {
         h.metadata = {{"a", repeated(65535)}};
       }},
      {"empty metadata key and value",
       [](Header& h) {
         h.metadata = {{"", ""}};
       }},
      {"metadata out of order",
       [](Header& h) {
         h.metadata = {{"b", "1"}, {"a", "2"}};
       }},
      {"UTF-8 of every length",
       [](Header& h) {
         h.metadata = {{"\x7F \u0080\u07FF", "\u0800\uFFFF\U00010000\U0010FFFF"}};
       }},
      {"largest padding",
       [](Header& h) {
         h.padding_bytes.reset();
         const std::size_t rest = (1 << 20) - (encode_header(h).size() - 16 - 8);
         h.padding_bytes = static_cast<std::uint32_t>(rest - 8);
       }},
      {"padding of nothing but its head", [](Header& h) { h.padding_bytes = 0; }},
      {"a later minor version", [](Header& h) { h.minor = 0x0102; }},
  };
  for (const auto& [name, edit] : cases)
    for (const Header& base : {aead_header(), checksum_header()}) {
      INFO(name);
      Header header = base;
      edit(header);
      check_same(decode_header(encode_header(header)), header);
    }
}

TEST_CASE("sections of a later version are kept, byte for byte and in their places") {
  RawSections sections = aead_sections();
  sections.insert(sections.begin(), {{0, 0, from_hex("01")}, {0, 0, {}}});
  sections.push_back({10, 0, from_hex("02 03")});
  sections.push_back({10, 0, from_hex("02 03")});
  sections.push_back({65535, 0, Bytes(1000, std::byte{4})});
  const Bytes head = raw_head(sections);
  const Header header = decode_header(head);
  CHECK(header.unknown.before_known.size() == 8 + 1 + 8);
  CHECK(encode_header(header) == head);
}

TEST_CASE("an encrypted header holds any number of slots, and slots of unknown types") {
  Header header = aead_header();
  header.slots.assign(64, slot_of(1, 96));
  header.slots[3] = slot_of(6, 0);  // reserved
  header.slots[4] = slot_of(32767, 7);
  header.slots[5] = {.type = 40000, .body = from_hex("01 61 0300 0a0b0c")};  // a provider
  check_same(decode_header(encode_header(header)), header);
}

TEST_CASE("a writer refuses chunks and stages that the format cannot hold") {
  check_refused({
      {"chunk too small", [](Header& h) { h.chunk_bytes = 4095; }, errc::invalid_argument},
      {"chunk too large", [](Header& h) { h.chunk_bytes = (256 << 20) + 1; },
       errc::invalid_argument},
      {"17 stages", [](Header& h) { h.stages.assign(17, {.id = "a", .parameters = {}}); },
       errc::invalid_argument},
      {"empty stage id", [](Header& h) { h.stages = {{.id = ""}}; }, errc::invalid_argument},
      {"stage id of 256 bytes", [](Header& h) { h.stages = {{.id = repeated(256)}}; },
       errc::invalid_argument},
      {"stage id of 257 bytes", [](Header& h) { h.stages = {{.id = repeated(257)}}; },
       errc::invalid_argument},
  });
}

TEST_CASE("a writer refuses ciphers and slots that the format cannot hold") {
  check_refused({
      {"AEAD without a cipher", [](Header& h) { h.cipher = 0; }, errc::invalid_argument},
      {"a cipher without a number", [](Header& h) { h.cipher = 4; }, errc::invalid_argument},
      {"AEAD without a slot", [](Header& h) { h.slots.clear(); }, errc::invalid_argument},
      {"65 slots", [](Header& h) { h.slots.assign(65, slot_of(1, 96)); }, errc::invalid_argument},
      {"two passphrases",
       [](Header& h) {
         h.slots = {slot_of(2, 83), slot_of(1, 96), slot_of(3, 84)};
       },
       errc::invalid_argument},
      {"a cipher without AEAD",
       [](Header& h) {
         h.integrity = Integrity::checksum;
         h.slots.clear();
       },
       errc::invalid_argument},
      {"slots without AEAD",
       [](Header& h) {
         h.integrity = Integrity::checksum;
         h.cipher = 0;
       },
       errc::invalid_argument},
  });
}

TEST_CASE("a writer refuses lengths, metadata and padding that the format cannot hold") {
  check_refused({
      {"plain_bytes beyond 2^52", [](Header& h) { h.plain_bytes = (std::uint64_t{1} << 52) + 1; },
       errc::limit_exceeded},
      {"metadata beyond 64 KiB",
       [](Header& h) {
         h.metadata = {{"ab", repeated(65535)}};
       },
       errc::limit_exceeded},
      {"metadata beyond 64 KiB in all",
       [](Header& h) {
         h.metadata = {{"a", repeated(40000)}, {"b", repeated(40000)}};
       },
       errc::limit_exceeded},
      {"a metadata key beyond 16 bits",
       [](Header& h) {
         h.metadata = {{repeated(65536), ""}};
       },
       errc::limit_exceeded},
      {"metadata key twice",
       [](Header& h) {
         h.metadata = {{"a", "1"}, {"b", ""}, {"a", "2"}};
       },
       errc::invalid_argument},
      {"metadata key not UTF-8",
       [](Header& h) {
         h.metadata = {{"\xFF", ""}};
       },
       errc::invalid_argument},
      {"metadata value not UTF-8",
       [](Header& h) {
         h.metadata = {{"a", "\xC3"}};
       },
       errc::invalid_argument},
      {"padding beyond 1 MiB", [](Header& h) { h.padding_bytes = (1 << 20) + 1; },
       errc::limit_exceeded},
      {"padding that leaves no room", [](Header& h) { h.padding_bytes = 1 << 20; },
       errc::limit_exceeded},
      {"parameters beyond 1 MiB", [](Header& h) { h.stages[0].parameters.resize(1 << 20); },
       errc::limit_exceeded},
  });
}

TEST_CASE("metadata is UTF-8 in its shortest form, without surrogates") {
  const std::string bad[] = {
      "\x80",              // continuation without a start
      "\x9F\x80",          // two of them, whose bits are those of U+07C0
      "\xC3",              // cut
      "\xC3(",             // not continued
      "\xC0\x80",          // two bytes for U+0000
      "\xC1\xBF",          // two bytes for U+007F
      "\xE0\x9F\xBF",      // three bytes for U+07FF
      "\xF0\x8F\xBF\xBF",  // four bytes for U+FFFF
      "\xED\xA0\x80",      // U+D800
      "\xED\xBF\xBF",      // U+DFFF
      "\xF4\x90\x80\x80",  // U+110000
      "\xF8\x88\x80\x80\x80",
      "\xFF",
      "\xE2\x82"  // cut
  };
  for (const std::string& value : bad) {
    Header header = aead_header();
    header.metadata = {{"a", value}};
    CHECK(kind_of([&] { encode_header(header); }) == errc::invalid_argument);
  }
}

TEST_CASE("the sections written by hand are a valid header") {
  // Otherwise the tables below would pass for the wrong reason.
  CHECK(kind_of([] { decode_header(raw_head(aead_sections())); }) == std::nullopt);
  CHECK(kind_of([] { decode_header(raw_head(checksum_sections())); }) == std::nullopt);
  const Bytes head = raw_head(aead_sections());
  CHECK(encode_header(decode_header(head)) == head);
}

TEST_CASE("the preamble is judged in the order magic, major, length") {
  struct Case {
    const char* name;
    const char* preamble;
    std::optional<errc> expected;
    std::optional<std::uint64_t> offset;
  };
  const Case cases[] = {
      {"nothing", "", errc::not_a_container, 0},
      {"first byte of the magic", "89", errc::truncated, 1},
      {"all but the last byte of the magic", "89 41 44 50 0D 0A 1A", errc::truncated, 7},
      {"magic alone", "89 41 44 50 0D 0A 1A 0A", errc::truncated, 8},
      {"15 bytes", "89 41 44 50 0D 0A 1A 0A 01 00 00 00 00 00 00", errc::truncated, 15},
      {"15 bytes of a later version", "89 41 44 50 0D 0A 1A 0A 02 00 00 00 00 00 00",
       errc::truncated, 15},
      {"other first byte", "88", errc::not_a_container, 0},
      {"other bytes", "89 41 44 51", errc::not_a_container, 0},
      {"line ends changed by a text-mode copy", "89 41 44 50 0A 1A 0A 01 00 00 00 00 00 00 00 00",
       errc::not_a_container, 0},
      {"line ends changed the other way", "89 41 44 50 0D 0D 0A 1A 0D 0A 01 00 00 00 00 00",
       errc::not_a_container, 0},
      {"magic differs and is short", "89 41 44 50 0D 0A 1A 0B 01 00", errc::not_a_container, 0},
      {"major 0", "89 41 44 50 0D 0A 1A 0A 00 00 00 00 00 00 00 00", errc::unsupported_version, 8},
      {"major 2, length too large", "89 41 44 50 0D 0A 1A 0A 02 00 00 00 FF FF FF FF",
       errc::unsupported_version, 8},
      {"major 257", "89 41 44 50 0D 0A 1A 0A 01 01 00 00 00 00 00 00", errc::unsupported_version,
       8},
      {"length over 1 MiB", "89 41 44 50 0D 0A 1A 0A 01 00 00 00 01 00 10 00", errc::corrupt, 12},
      {"length of 1 MiB", "89 41 44 50 0D 0A 1A 0A 01 00 00 00 00 00 10 00", std::nullopt,
       std::nullopt},
      {"any minor", "89 41 44 50 0D 0A 1A 0A 01 00 FF FF 00 00 00 00", std::nullopt, std::nullopt},
  };
  for (const auto& [name, preamble, expected, offset] : cases) {
    INFO(name);
    const Bytes bytes = from_hex(preamble);
    const auto error = error_of([&] { header_rest_bytes(bytes); });
    REQUIRE(error.has_value() == expected.has_value());
    if (!error) continue;
    CHECK(error->kind() == *expected);
    CHECK(error->offset() == offset);
  }
  CHECK(header_rest_bytes(from_hex("89 41 44 50 0D 0A 1A 0A 01 00 00 00 34 12 00 00")) ==
        0x1234 + 8 + 32);
}

TEST_CASE("a header with another minor version is read") {
  Bytes head = raw_head(aead_sections());
  head[10] = std::byte{7};
  head.resize(head.size() - 8);
  CHECK(decode_header(with_sum(head)).minor == 7);
}

TEST_CASE("a header with any byte changed is refused") {
  for (const Bytes& head : {raw_head(aead_sections()), raw_head(checksum_sections())})
    for (std::size_t at = 0; at < head.size(); ++at)
      for (const unsigned bits : {0x01u, 0x80u, 0xFFu}) {
        Bytes changed = head;
        changed[at] ^= static_cast<std::byte>(bits);
        const auto kind = kind_of([&] { decode_header(changed); });
        INFO("byte " << at << " ^ " << bits);
        if (at < 8) CHECK(kind == errc::not_a_container);
        if (at == 8 || at == 9) CHECK(kind == errc::unsupported_version);
        if (at == 10 || at == 11 || at >= 16) CHECK(kind == errc::corrupt);
        if (at >= 12 && at < 16) CHECK((kind == errc::corrupt || kind == errc::truncated));
      }
}

TEST_CASE("a header cut anywhere is truncated") {
  const Bytes head = raw_head(aead_sections());
  for (std::size_t size = 1; size < head.size(); ++size) {
    INFO(size);
    CHECK(kind_of([&] { decode_header(ByteSpan(head).first(size)); }) == errc::truncated);
  }
}

TEST_CASE("damage is told from broken rules: header_sum comes before the sections") {
  RawSections sections = aead_sections();
  section(sections, 2).value = from_hex("09 00");
  Bytes head = raw_head(sections);
  CHECK(kind_of([&] { decode_header(head); }) == errc::unsupported_version);
  head.back() ^= std::byte{1};
  CHECK(kind_of([&] { decode_header(head); }) == errc::corrupt);
}

TEST_CASE("an error in a section says where the section stands") {
  RawSections sections = aead_sections();
  section(sections, 2).value = from_hex("03 00");
  const auto integrity = error_of([&] { decode_header(raw_head(sections)); });
  CHECK(integrity->offset() == 16 + 8 + 4);

  sections = aead_sections();
  section(sections, 6).value.pop_back();
  const auto slot = error_of([&] { decode_header(raw_head(sections)); });
  CHECK(slot->offset() == 16 + (8 + 4) + (8 + 2) + (8 + 2) + (8 + 32) + (8 + 14));
}

TEST_CASE("the header tag is keyed only if the container is encrypted") {
  const Bytes bytes = from_text("preamble and header");
  const Bytes key(32, std::byte{1});
  const auto plain = compute_header_tag(Integrity::checksum, {}, bytes);
  CHECK(plain == sha256({bytes}));
  CHECK(compute_header_tag(Integrity::checksum, key, bytes) == plain);
  CHECK(compute_header_tag(Integrity::aead, key, bytes) == hmac_sha256(key, {bytes}));
}
