// Each rule that a reader holds a header to, broken one at a time in an otherwise valid header
// whose header_sum is right.

#include <string>

#include "container/fixture.hpp"
#include "container/header.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

struct BrokenRule {
  const char* name;
  void (*edit)(RawSections&);
  errc expected = errc::corrupt;
};

void drop(RawSections& sections, std::uint16_t tag) {
  std::erase_if(sections, [&](const RawSection& s) { return s.tag == tag; });
}

/// `count` sections in all like the one with this tag.
void repeat(RawSections& sections, std::uint16_t tag, std::size_t count) {
  const auto at = std::ranges::find(sections, tag, &RawSection::tag);
  const RawSection copy = *at;
  sections.insert(at, count - 1, copy);
}

/// In ascending order.
void insert(RawSections& sections, RawSection section) {
  const auto at = std::ranges::upper_bound(sections, section.tag, {}, &RawSection::tag);
  sections.insert(at, std::move(section));
}

Bytes scrypt_slot(std::uint8_t log2_n, std::uint8_t r, std::uint8_t p) {
  Bytes body(2 + 32 + 3 + 48);
  body[0] = std::byte{2};
  body[34] = std::byte{log2_n};
  body[35] = std::byte{r};
  body[36] = std::byte{p};
  return body;
}

Bytes slot_bytes(std::uint16_t type, std::size_t body_bytes) {
  Bytes body(2 + body_bytes, std::byte{0x01});
  store_le(body.data(), type);
  return body;
}

Bytes metadata(std::string_view key, std::string_view value) {
  ByteWriter out;
  out.put(static_cast<std::uint16_t>(key.size())).put(as_bytes(key)).put(as_bytes(value));
  return std::move(out).take();
}

// clang-format off
const BrokenRule kForm[] = {
    {"no section at all", [](RawSections& s) { s.clear(); }},
    {"chunk_bytes missing", [](RawSections& s) { drop(s, 1); }},
    {"integrity missing", [](RawSections& s) { drop(s, 2); }},
    {"file_salt missing", [](RawSections& s) { drop(s, 4); }},
    {"sections swapped", [](RawSections& s) { std::swap(s[0], s[1]); }},
    {"salt last", [](RawSections& s) { std::swap(section(s, 4), section(s, 9)); }},
    {"chunk_bytes twice", [](RawSections& s) { repeat(s, 1, 2); }},
    {"integrity twice", [](RawSections& s) { repeat(s, 2, 2); }},
    {"file_salt twice", [](RawSections& s) { repeat(s, 4, 2); }},
    {"plain_bytes twice", [](RawSections& s) { repeat(s, 7, 2); }},
    {"padding twice", [](RawSections& s) { repeat(s, 9, 2); }},
    {"chunk_bytes too short", [](RawSections& s) { section(s, 1).value.pop_back(); }},
    {"chunk_bytes too long", [](RawSections& s) { section(s, 1).value.emplace_back(); }},
    {"integrity too short", [](RawSections& s) { section(s, 2).value.pop_back(); }},
    {"integrity too long", [](RawSections& s) { section(s, 2).value.emplace_back(); }},
    {"file_salt too short", [](RawSections& s) { section(s, 4).value.pop_back(); }},
    {"file_salt too long", [](RawSections& s) { section(s, 4).value.emplace_back(); }},
    {"plain_bytes too short", [](RawSections& s) { section(s, 7).value.pop_back(); }},
    {"plain_bytes too long", [](RawSections& s) { section(s, 7).value.emplace_back(); }},
    {"chunk_bytes not critical", [](RawSections& s) { section(s, 1).flags = 0; }},
    {"integrity not critical", [](RawSections& s) { section(s, 2).flags = 0; }},
    {"file_salt not critical", [](RawSections& s) { section(s, 4).flags = 0; }},
    {"stage not critical", [](RawSections& s) { section(s, 5).flags = 0; }},
    {"plain_bytes critical", [](RawSections& s) { section(s, 7).flags = 1; }},
    {"metadata critical", [](RawSections& s) { section(s, 8).flags = 1; }},
    {"padding critical", [](RawSections& s) { section(s, 9).flags = 1; }},
    {"unknown flag on a critical section", [](RawSections& s) { section(s, 1).flags = 3; }},
    {"unknown flag on another", [](RawSections& s) { section(s, 7).flags = 0x8000; }},
    {"unknown flag on an unknown section", [](RawSections& s) { insert(s, {10, 2, {}}); }},
    {"unknown critical section", [](RawSections& s) { insert(s, {10, 1, {}}); }, errc::unsupported_version},
    {"unknown critical section 0", [](RawSections& s) { insert(s, {0, 1, {}}); }, errc::unsupported_version},
    {"unknown section out of order", [](RawSections& s) { s.insert(s.begin() + 3, {10, 0, {}}); }},
};

const BrokenRule kValues[] = {
    {"chunk_bytes too small", [](RawSections& s) { section(s, 1).value = from_hex("ff 0f 00 00"); }},
    {"chunk_bytes zero", [](RawSections& s) { section(s, 1).value = Bytes(4); }},
    {"chunk_bytes too large", [](RawSections& s) { section(s, 1).value = from_hex("01 00 00 10"); }},
    {"integrity 0", [](RawSections& s) { section(s, 2).value = from_hex("00 00"); }, errc::unsupported_version},
    {"integrity 3", [](RawSections& s) { section(s, 2).value = from_hex("03 00"); }, errc::unsupported_version},
    {"empty stage section", [](RawSections& s) { section(s, 5).value.clear(); }},
    {"empty stage id", [](RawSections& s) { section(s, 5).value = from_hex("00 61"); }},
    {"stage id longer than its section", [](RawSections& s) { section(s, 5).value = from_hex("02 61"); }},
    {"17 stages", [](RawSections& s) { repeat(s, 5, 17); }},
    {"plain_bytes beyond 2^52", [](RawSections& s) { section(s, 7).value = from_hex("01 00 00 00 00 00 10 00"); }},
    {"metadata without a key length", [](RawSections& s) { section(s, 8).value = from_hex("00"); }},
    {"metadata key longer than its section", [](RawSections& s) { section(s, 8).value = from_hex("02 00 61"); }},
    {"metadata key not UTF-8", [](RawSections& s) { section(s, 8).value = metadata("\xC3", "a"); }},
    {"metadata value not UTF-8", [](RawSections& s) { section(s, 8).value = metadata("a", "\xFF"); }},
    {"metadata key twice", [](RawSections& s) { repeat(s, 8, 2); }},
    {"metadata beyond 64 KiB", [](RawSections& s) { section(s, 8).value = metadata("ab", std::string(65535, 'x')); }},
    {"metadata beyond 64 KiB in all",
     [](RawSections& s) {
       section(s, 8).value = metadata("a", std::string(40000, 'x'));
       insert(s, {8, 0, metadata("b", std::string(40000, 'x'))});
     }},
    {"padding not zero at its start", [](RawSections& s) { section(s, 9).value.front() = std::byte{1}; }},
    {"padding not zero at its end", [](RawSections& s) { section(s, 9).value.back() = std::byte{0x80}; }},
};

const BrokenRule kEncryption[] = {
    {"cipher missing", [](RawSections& s) { drop(s, 3); }},
    {"cipher twice", [](RawSections& s) { repeat(s, 3, 2); }},
    {"cipher too short", [](RawSections& s) { section(s, 3).value.pop_back(); }},
    {"cipher too long", [](RawSections& s) { section(s, 3).value.emplace_back(); }},
    {"cipher not critical", [](RawSections& s) { section(s, 3).flags = 0; }},
    {"cipher 0", [](RawSections& s) { section(s, 3).value = from_hex("00 00"); }, errc::unsupported_version},
    {"cipher 4", [](RawSections& s) { section(s, 3).value = from_hex("04 00"); }, errc::unsupported_version},
    {"no slot", [](RawSections& s) { drop(s, 6); }},
    {"65 slots", [](RawSections& s) { repeat(s, 6, 65); }},
    {"slot not critical", [](RawSections& s) { section(s, 6).flags = 0; }},
    {"slot without a type", [](RawSections& s) { section(s, 6).value.resize(1); }},
    {"shared-key slot too short", [](RawSections& s) { section(s, 6).value.pop_back(); }},
    {"shared-key slot too long", [](RawSections& s) { section(s, 6).value.emplace_back(); }},
    {"bad slot behind a good one", [](RawSections& s) { insert(s, {6, 1, slot_bytes(1, 95)}); }},
    {"scrypt slot too short", [](RawSections& s) { section(s, 6).value = slot_bytes(2, 82); }},
    {"scrypt slot too long", [](RawSections& s) { section(s, 6).value = slot_bytes(2, 84); }},
    {"scrypt N too small", [](RawSections& s) { section(s, 6).value = scrypt_slot(9, 8, 1); }},
    {"scrypt N too large", [](RawSections& s) { section(s, 6).value = scrypt_slot(23, 8, 1); }},
    {"scrypt r not 8", [](RawSections& s) { section(s, 6).value = scrypt_slot(17, 1, 1); }},
    {"scrypt p 0", [](RawSections& s) { section(s, 6).value = scrypt_slot(17, 8, 0); }},
    {"scrypt p 17", [](RawSections& s) { section(s, 6).value = scrypt_slot(17, 8, 17); }},
    {"PBKDF2 slot too short", [](RawSections& s) { section(s, 6).value = slot_bytes(3, 83); }},
    {"two passphrases, one kind",
     [](RawSections& s) {
       section(s, 6).value = scrypt_slot(17, 8, 1);
       repeat(s, 6, 2);
     }},
    {"two passphrases, two kinds",
     [](RawSections& s) {
       section(s, 6).value = scrypt_slot(17, 8, 1);
       insert(s, {6, 1, slot_bytes(3, 84)});
     }},
    {"a passphrase of a kind not in this build counts too",
     [](RawSections& s) {
       section(s, 6).value = scrypt_slot(17, 8, 1);
       insert(s, {6, 1, slot_bytes(4, 100)});
     }},
    {"bad slot, then an unknown critical section: sections come first",
     [](RawSections& s) {
       section(s, 6).value.pop_back();
       insert(s, {10, 1, {}});
     },
     errc::unsupported_version},
};

const BrokenRule kNoEncryption[] = {
    {"cipher", [](RawSections& s) { insert(s, {3, 1, from_hex("01 00")}); }},
    {"slot", [](RawSections& s) { insert(s, {6, 1, slot_bytes(1, 96)}); }},
    {"slot of an unknown type", [](RawSections& s) { insert(s, {6, 1, slot_bytes(99, 1)}); }},
};

const BrokenRule kAccepted[] = {
    {"unknown sections are skipped", [](RawSections& s) {
       insert(s, {0, 0, from_hex("01")});
       insert(s, {10, 0, from_hex("02")});
       insert(s, {65535, 0, {}});
     }},
    {"an unknown section may repeat", [](RawSections& s) {
       insert(s, {10, 0, {}});
       insert(s, {10, 0, from_hex("02")});
     }},
    {"empty padding", [](RawSections& s) { section(s, 9).value.clear(); }},
    {"16 stages", [](RawSections& s) { repeat(s, 5, 16); }},
    {"a stage without parameters", [](RawSections& s) { section(s, 5).value = from_hex("01 61"); }},
    {"metadata at its limit", [](RawSections& s) { section(s, 8).value = metadata("a", std::string(65535, 'x')); }},
};
// clang-format on

/// Errors stand in the header or right behind it.
void check_rule(const BrokenRule& rule, RawSections sections) {
  INFO(rule.name);
  rule.edit(sections);
  const Bytes head = raw_head(sections);
  const auto error = error_of([&] { decode_header(head); });
  REQUIRE(error);
  CHECK(error->kind() == rule.expected);
  REQUIRE(error->offset());
  CHECK(*error->offset() >= 16);
  CHECK(*error->offset() <= head.size());
}

}  // namespace

TEST_CASE("a reader refuses a header of the wrong form") {
  for (const BrokenRule& rule : kForm) {
    check_rule(rule, aead_sections());
    check_rule(rule, checksum_sections());
  }
}

TEST_CASE("a reader refuses a header with a value out of range") {
  for (const BrokenRule& rule : kValues) {
    check_rule(rule, aead_sections());
    check_rule(rule, checksum_sections());
  }
}

TEST_CASE("a reader refuses a header whose encryption does not fit together") {
  for (const BrokenRule& rule : kEncryption) check_rule(rule, aead_sections());
}

TEST_CASE("a reader refuses parts of encryption in a container without it") {
  for (const BrokenRule& rule : kNoEncryption) check_rule(rule, checksum_sections());
}

TEST_CASE("a reader accepts what the rules allow") {
  for (const BrokenRule& allowed : kAccepted) {
    INFO(allowed.name);
    for (RawSections sections : {aead_sections(), checksum_sections()}) {
      allowed.edit(sections);
      CHECK(kind_of([&] { decode_header(raw_head(sections)); }) == std::nullopt);
    }
  }
}

TEST_CASE("a reader refuses a section that is longer than the header") {
  Bytes head = raw_head(aead_sections());
  head.resize(head.size() - 8);
  const std::size_t padding_length_at = head.size() - 3 - 4;
  for (const std::uint32_t length : {4u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    store_le(head.data() + padding_length_at, length);
    CHECK(kind_of([&] { decode_header(with_sum(head)); }) == errc::corrupt);
  }
}

TEST_CASE("a reader refuses a section head that is cut") {
  for (std::size_t bytes = 1; bytes < 8; ++bytes) {
    Bytes head = raw_head(checksum_sections());
    head.resize(head.size() - 8 + bytes);
    std::fill(head.end() - static_cast<std::ptrdiff_t>(bytes), head.end(), std::byte{0});
    store_le(head.data() + 12,
             load_le<std::uint32_t>(head.data() + 12) + static_cast<std::uint32_t>(bytes));
    CHECK(kind_of([&] { decode_header(with_sum(head)); }) == errc::corrupt);
  }
}
