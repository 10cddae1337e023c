#include "container/index.hpp"

#include "container/fixture.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

Index index_of(std::initializer_list<IndexEntry> entries) {
  Index index;
  for (const IndexEntry& entry : entries) index.add(entry);
  return index;
}

Bytes with(Bytes bytes, std::string_view hex) {
  const Bytes more = from_hex(hex);
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

/// A content digest of two bytes.
constexpr const char* kDigestSection = "01 00 00 00 03 00 00 00 01 AA BB";

}  // namespace

TEST_CASE("an index has its bytes where the format puts them") {
  CHECK(Index().encode() == Bytes(16));
  CHECK(index_of({{.stored_bytes = 0x0D, .plain_bytes = 0x0101},
                  {.stored_bytes = 0x04030201, .plain_bytes = 2}})
            .encode() == from_hex("02 00 00 00 00 00 00 00  03 01 00 00 00 00 00 00 "
                                  "0D 00 00 00 01 01 00 00  01 02 03 04 02 00 00 00"));
}

TEST_CASE("an index read back is the one that was written") {
  for (const Index& index :
       {Index(), index_of({{17, 1}}), index_of({{17, 1}, {99, 4096}, {20, 3}})}) {
    const Index read = Index::decode(index.encode());
    CHECK(read.chunks() == index.chunks());
    CHECK(read.plain_total() == index.plain_total());
    CHECK(read.records_total() == index.records_total());
    CHECK(read.encode() == index.encode());
  }
}

TEST_CASE("an index knows its totals, record headers included") {
  const Index index = index_of({{17, 1}, {99, 4096}});
  CHECK(index.chunks() == 2);
  CHECK(index.plain_total() == 4097);
  CHECK(index.records_total() == 24 + 17 + 24 + 99);
  CHECK(index[1].stored_bytes == 99);
  CHECK(index[1].plain_bytes == 4096);
}

TEST_CASE("sections behind the entries may be skipped") {
  const Bytes index = index_of({{17, 1}}).encode();
  for (const char* sections :
       {kDigestSection, "02 00 00 00 00 00 00 00", "63 00 00 00 01 00 00 00 FF",
        "01 00 00 00 00 00 00 00  02 00 00 00 00 00 00 00  FF FF 00 00 00 00 00 00"})
    CHECK(Index::decode(with(index, sections)).chunks() == 1);
}

TEST_CASE("the sections of an index have at most 1 MiB") {
  constexpr std::size_t kMost = 1 << 20;
  const auto with_sections = [](std::size_t bytes) {
    ByteWriter out;
    out.put(index_of({{17, 1}}).encode());
    out.put(std::uint16_t{2}).put(std::uint16_t{0}).put(static_cast<std::uint32_t>(bytes - 8));
    return std::move(out.zeros(bytes - 8)).take();
  };
  CHECK(Index::decode(with_sections(kMost)).chunks() == 1);
  CHECK(kind_of([&] { Index::decode(with_sections(kMost + 1)); }) == errc::corrupt);
}

TEST_CASE("a reader refuses an index that breaks a rule") {
  struct Case {
    const char* name;
    Bytes content;
    errc expected = errc::corrupt;
  };
  const Bytes good = index_of({{17, 1}, {18, 2}}).encode();
  const auto edited = [&](std::size_t at, unsigned value) {
    Bytes bytes = good;
    bytes[at] = static_cast<std::byte>(value);
    return bytes;
  };
  Bytes huge_count = good;
  store_le(huge_count.data(), UINT64_MAX);
  Bytes overflowing_count = good;  // whose entries would have 2^64 bytes
  store_le(overflowing_count.data(), std::uint64_t{1} << 61);
  const Case cases[] = {
      {"one chunk too many", edited(0, 3)},
      {"one chunk too few: the entry left is no section", edited(0, 1)},
      {"2^64 - 1 chunks", huge_count},
      {"2^61 chunks", overflowing_count},
      {"a total too large", edited(8, 4)},
      {"a total too small", edited(8, 2)},
      {"a total with a high bit", edited(15, 0x80)},
      {"a plain size that does not add up", edited(20, 2)},
      {"section cut in its head", with(good, "01 00 00 00 00 00 00")},
      {"section longer than the index", with(good, "01 00 00 00 01 00 00 00")},
      {"section twice", with(with(good, kDigestSection), kDigestSection)},
      {"sections out of order", with(with(good, "02 00 00 00 00 00 00 00"), kDigestSection)},
      {"section 0", with(good, "00 00 00 00 00 00 00 00")},
      {"unknown flag", with(good, "01 00 02 00 00 00 00 00")},
      {"critical section", with(good, "63 00 01 00 00 00 00 00"), errc::unsupported_version},
      {"critical digest", with(good, "01 00 01 00 00 00 00 00"), errc::corrupt},
      {"critical metadata", with(good, "02 00 01 00 00 00 00 00"), errc::corrupt},
  };
  for (const Case& broken : cases) {
    INFO(broken.name);
    CHECK(kind_of([&] { Index::decode(broken.content); }) == broken.expected);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    INFO(size);
    CHECK(kind_of([&] { Index::decode(ByteSpan(good).first(size)); }) == errc::corrupt);
  }
}

TEST_CASE("an index record stays within 1 GiB") {
  CHECK(kind_of([] { Index::check_chunk_fits(134'217'720); }) == std::nullopt);
  const auto error = error_of([] { Index::check_chunk_fits(134'217'721); });
  REQUIRE(error);
  CHECK(error->kind() == errc::limit_exceeded);
  CHECK(error->chunk() == 134'217'721);
  CHECK(kind_of([] { Index::check_chunk_fits(UINT64_MAX); }) == errc::limit_exceeded);
}

TEST_CASE("the totals stay within 2^52") {
  constexpr std::uint32_t kQuarter = 1u << 30;  // 2^52 is 2^22 of these
  Index plain;
  Index stored;
  for (std::uint32_t i = 0; i < 1u << 22; ++i) {
    plain.add({.stored_bytes = 17, .plain_bytes = kQuarter});
    stored.add({.stored_bytes = kQuarter, .plain_bytes = 1});
  }
  CHECK(plain.plain_total() == std::uint64_t{1} << 52);
  CHECK(Index::decode(plain.encode()).plain_total() == plain.plain_total());
  CHECK(kind_of([&] { plain.add({.stored_bytes = 17, .plain_bytes = 1}); }) ==
        errc::limit_exceeded);
  CHECK(kind_of([&] { stored.add({.stored_bytes = 1, .plain_bytes = 1}); }) ==
        errc::limit_exceeded);
  CHECK(plain.chunks() == 1u << 22);

  ByteWriter beyond;
  beyond.put(plain.chunks() + 1).put(plain.plain_total() + 1);
  beyond.put(ByteSpan(plain.encode()).subspan(16)).put(std::uint32_t{17}).put(std::uint32_t{1});
  CHECK(kind_of([&] { Index::decode(beyond.bytes()); }) == errc::corrupt);
}

TEST_CASE("a trailer has its bytes where the format puts them, and reads back") {
  const auto bytes = encode_trailer(
      {.index_offset = 0x0807060504030201, .index_record_bytes = 0x1817161514131211});
  CHECK(Bytes(bytes.begin(), bytes.end()) ==
        from_hex("01 02 03 04 05 06 07 08  11 12 13 14 15 16 17 18  41 44 50 45 4E 44 0D 0A"));
  const auto read = decode_trailer(bytes);
  REQUIRE(read);
  CHECK(read->index_offset == 0x0807060504030201);
  CHECK(read->index_record_bytes == 0x1817161514131211);
}

TEST_CASE("without the end magic there is no trailer") {
  for (std::size_t at = 16; at < 24; ++at) {
    auto bytes = encode_trailer({.index_offset = 1, .index_record_bytes = 2});
    bytes[at] ^= std::byte{1};
    CHECK_FALSE(decode_trailer(bytes));
  }
}
