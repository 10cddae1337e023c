// Opening for random access: trailer, index record, and that everything adds up to the byte.

#include <initializer_list>
#include <optional>

#include "container/create.hpp"
#include "container/fixture.hpp"
#include "container/open.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

/// A container whose index says what a test wants it to say.
struct Parts {
  Header header = asked_header();
  std::vector<IndexEntry> entries = {{.stored_bytes = 20, .plain_bytes = 3},
                                     {.stored_bytes = 19, .plain_bytes = 2}};
  std::optional<Bytes> content{};  // of the index record, instead of the entries'
  RecordType type = RecordType::index;
  std::optional<std::uint64_t> sequence{};       // of the index record
  std::size_t record_bytes = 24 + 20 + 24 + 19;  // what really lies before the index
  Trailer shift{};                               // added to the trailer's fields
};

class SealedContainer {
 public:
  SealedContainer(const Parts& parts, bool encrypted) {
    std::optional<Cipher> cipher;
    if (encrypted) cipher = chacha20_poly1305({.recipients = {shared_key(1)}});
    FixedRandom random;
    const NewContainer made = create_container(parts.header, cipher, {}, random);
    bytes = made.head;
    index_at = bytes.size() + parts.record_bytes;
    bytes.resize(index_at);  // the records themselves are not looked at
    append(index_record(parts, made.keys));
    const Trailer trailer{
        .index_offset = index_at + parts.shift.index_offset,
        .index_record_bytes = bytes.size() - index_at + parts.shift.index_record_bytes};
    append(encode_trailer(trailer));
    BytesSource source(bytes);
    opened = open_container(
        read_full_from(static_cast<PositionalSourceImpl&>(source)),
        {.identities = encrypted ? ListOf<Identity>{shared_key(1)} : ListOf<Identity>{},
         .context = {}});
  }

  Index read(std::size_t most = SIZE_MAX) const {
    BytesSource source(bytes, most);
    return read_index(source, opened);
  }

  Bytes bytes;
  std::uint64_t index_at = 0;
  OpenedContainer opened;

 private:
  static Bytes index_record(const Parts& parts, const RecordKeys& keys) {
    Index index;
    for (const IndexEntry& entry : parts.entries) index.add(entry);
    const Bytes content = parts.content.value_or(index.encode());
    RecordHeader header{.type = parts.type,
                        .skipped = 0,
                        .plain_bytes = static_cast<std::uint32_t>(content.size()),
                        .stored_bytes = 0,
                        .sequence = parts.sequence.value_or(index.chunks())};
    Bytes record(24 + content.size() + keys.overhead_bytes());
    RecordProtector(keys).seal(header, content, record.data());
    return record;
  }
  void append(ByteSpan more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
};

Bytes index_content(std::uint64_t chunks, std::uint64_t plain_total,
                    std::initializer_list<IndexEntry> entries) {
  ByteWriter out;
  out.put(chunks).put(plain_total);
  for (const IndexEntry& entry : entries) out.put(entry.stored_bytes).put(entry.plain_bytes);
  return std::move(out).take();
}

/// An edit that makes a container which breaks a rule, and the chunk that the error names.
struct Refusal {
  const char* name;
  void (*edit)(Parts&);
  std::optional<std::uint64_t> chunk{};
};

void check_refused(std::initializer_list<Refusal> refusals) {
  for (const auto& [name, edit, chunk] : refusals)
    for (const bool encrypted : {false, true}) {
      INFO(name << (encrypted ? ", encrypted" : ""));
      Parts parts;
      edit(parts);
      const SealedContainer container(parts, encrypted);
      const auto error = error_of([&] { container.read(); });
      REQUIRE(error);
      CHECK(error->kind() == errc::corrupt);
      CHECK(error->offset().has_value());
      CHECK(error->chunk() == chunk);
    }
}

}  // namespace

TEST_CASE("a sound container gives its index, however the input is read") {
  for (const bool encrypted : {false, true})
    for (const std::size_t most : {SIZE_MAX, std::size_t{5}}) {
      const Index index = SealedContainer({}, encrypted).read(most);
      REQUIRE(index.chunks() == 2);
      CHECK(index[1].stored_bytes == 19);
      CHECK(index.plain_total() == 5);
    }
}

TEST_CASE("seal_tail writes what read_index reads") {
  for (const bool encrypted : {false, true}) {
    SealedContainer container({}, encrypted);
    Index index = container.read();
    container.bytes.resize(container.index_at);
    const Bytes tail = seal_tail(index, container.index_at, container.opened.keys);
    container.bytes.insert(container.bytes.end(), tail.begin(), tail.end());
    CHECK(container.bytes == SealedContainer({}, encrypted).bytes);
  }
}

TEST_CASE("an empty stream has an index too") {
  for (const bool encrypted : {false, true}) {
    Parts parts;
    parts.header.plain_bytes = 0;
    parts.entries.clear();
    parts.record_bytes = 0;
    CHECK(SealedContainer(parts, encrypted).read().chunks() == 0);
  }
}

TEST_CASE("an index that was sealed but breaks a rule is refused") {
  check_refused({
      {"plain bytes zero",
       [](Parts& p) {
         p.entries = {{20, 5}, {19, 0}};
       },
       1},
      {"plain bytes beyond chunk_bytes",
       [](Parts& p) {
         p.header.plain_bytes.reset();
         p.entries[0].plain_bytes = 65537;
       },
       0},
      {"nothing stored but a check",
       [](Parts& p) {
         p.entries = {{8, 3}, {31, 2}};
       },
       0},
      {"stored beyond its limit",
       [](Parts& p) {
         p.entries[1].stored_bytes = 2 * 65536 + 65536 + 1;
         p.record_bytes = 24 + 20 + 24 + 2 * 65536 + 65536 + 1;
       },
       1},
      {"total differs from the header", [](Parts& p) { p.header.plain_bytes = 6; }},
      {"records end before the index", [](Parts& p) { ++p.record_bytes; }},
      {"records reach into the index", [](Parts& p) { --p.record_bytes; }},
      {"no records at all", [](Parts& p) { p.record_bytes = 0; }},
      {"sequence is not the count", [](Parts& p) { p.sequence = 3; }},
      {"sequence 0", [](Parts& p) { p.sequence = 0; }},
      {"more entries claimed",
       [](Parts& p) {
         p.content = index_content(3, 5, {{20, 3}, {19, 2}});
       }},
      {"total does not add up",
       [](Parts& p) {
         p.content = index_content(2, 6, {{20, 3}, {19, 2}});
       }},
      {"trailing bytes that are no section",
       [](Parts& p) {
         p.content = index_content(2, 5, {{20, 3}, {19, 2}});
         p.content->emplace_back();
       }},
      {"a chunk where the index should be", [](Parts& p) { p.type = RecordType::chunk; }},
  });
}

TEST_CASE("a trailer that points beside the index is refused") {
  check_refused({
      {"offset too small", [](Parts& p) { p.shift.index_offset = UINT64_MAX; }},
      {"offset too large", [](Parts& p) { p.shift.index_offset = 1; }},
      {"offset near 2^63", [](Parts& p) { p.shift.index_offset = 1ull << 63; }},
      {"length too small", [](Parts& p) { p.shift.index_record_bytes = UINT64_MAX; }},
      {"length too large", [](Parts& p) { p.shift.index_record_bytes = 1; }},
      {"length near 2^63", [](Parts& p) { p.shift.index_record_bytes = 1ull << 63; }},
      {"points to a record that is none",
       [](Parts& p) { p.shift = {.index_offset = UINT64_MAX, .index_record_bytes = 1}; }},
      {"points into the header",
       [](Parts& p) {
         p.shift = {.index_offset = std::uint64_t{0} - 100, .index_record_bytes = 100};
       }},
      {"points before the container",
       [](Parts& p) {
         p.shift = {.index_offset = std::uint64_t{0} - 4096, .index_record_bytes = 4096};
       }},
      {"sum overflows",
       [](Parts& p) { p.shift = {.index_offset = 1ull << 63, .index_record_bytes = 1ull << 63}; }},
  });
}

TEST_CASE("no memory is taken for an index of more chunks than there is space for") {
  constexpr std::size_t kLeastRecord = 24 + 8 + 1;
  for (const bool has_space : {true, false}) {
    Parts parts;
    parts.record_bytes = 2 * kLeastRecord - (has_space ? 0 : 1);
    const SealedContainer container(parts, false);
    BytesSource source(container.bytes);
    bool asked = false;
    CHECK(kind_of([&] {
            read_index(source, container.opened, [&](std::size_t) { asked = true; });
          }) == errc::corrupt);
    CHECK(asked == has_space);
  }
}

TEST_CASE("any byte changed in index record or trailer is noticed") {
  for (const bool encrypted : {false, true}) {
    SealedContainer container({}, encrypted);
    const Bytes good = container.bytes;
    for (std::size_t at = container.index_at; at < good.size(); ++at)
      for (const unsigned bits : {0x01u, 0x80u, 0xFFu}) {
        INFO("byte " << at - container.index_at << " ^ " << bits);
        container.bytes = good;
        container.bytes[at] ^= static_cast<std::byte>(bits);
        const auto kind = kind_of([&] { container.read(); });
        const bool is_type = at == container.index_at + 4;
        const bool is_end_magic = at >= good.size() - 8;
        if (is_end_magic)
          CHECK(kind == errc::truncated);
        else
          CHECK((kind == errc::corrupt || (is_type && kind == errc::unsupported_version)));
      }
  }
}

TEST_CASE("a container cut behind its header, or with bytes appended, is truncated") {
  for (const bool encrypted : {false, true}) {
    SealedContainer container({}, encrypted);
    const Bytes good = container.bytes;
    for (std::size_t size = container.opened.records_offset; size < good.size(); ++size) {
      INFO(size);
      container.bytes.assign(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK(kind_of([&] { container.read(); }) == errc::truncated);
    }
    for (std::size_t more = 1; more < 60; ++more) {
      container.bytes = good;
      container.bytes.resize(good.size() + more);
      CHECK(kind_of([&] { container.read(); }) == errc::truncated);
    }
  }
}

TEST_CASE("a trailer appended once more is not believed") {
  for (const bool encrypted : {false, true}) {
    SealedContainer container({}, encrypted);
    const Bytes trailer(container.bytes.end() - 24, container.bytes.end());
    container.bytes.insert(container.bytes.end(), trailer.begin(), trailer.end());
    CHECK(kind_of([&] { container.read(); }) == errc::corrupt);
  }
}

TEST_CASE("the tail of another container is refused") {
  Parts renamed;
  renamed.header.metadata = {{"name", "b"}};
  for (const bool encrypted : {false, true}) {
    const SealedContainer other(renamed, encrypted);
    RecordKeys keys = other.opened.keys;
    if (encrypted) keys.key.bytes()[0] ^= std::byte{1};  // FixedRandom gives both the same key
    SealedContainer container({}, encrypted);
    const Bytes tail = seal_tail(other.read(), container.index_at, keys);
    container.bytes.resize(container.index_at);
    container.bytes.insert(container.bytes.end(), tail.begin(), tail.end());
    CHECK(kind_of([&] { container.read(); }) == errc::corrupt);
  }
}
