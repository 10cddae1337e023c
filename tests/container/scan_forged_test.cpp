// What false records cost a scan, in work, in memory, and in what it finds.

#include <algorithm>
#include <string>

#include "container/scan_fixture.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

TEST_CASE("a magic within an intact record means nothing") {
  Bytes chunk;
  for (int i = 0; i < 500; ++i) chunk = joined(chunk, record_header(40));
  const Made made = make(false, {chunk, chunk});
  CountedSource source(made.bytes);
  CHECK(names_of(scan(source, made.opened)) == "0 1 index");
  CHECK(source.most_reads() == 2);  // when looked for and when opened, but no attempts
}

TEST_CASE("false records cost linear work, and hide only what they claim") {
  const struct {
    std::uint32_t claimed;
    bool as_chunks;
    bool as_indexes;
    std::size_t most_reads;
  } cases[] = {{17, true, false, 3},
               {24, true, false, 3},
               {1000, true, false, kMaxTries + 2},
               {60000, true, false, kMaxTries + 2},
               {60000, false, true, kMaxTries + 2},
               {60000, true, true, kMaxReads}};
  for (const auto& [claimed, as_chunks, as_indexes, most_reads] : cases) {
    INFO("records that claim " << claimed << " bytes");
    Bytes false_records;
    while (false_records.size() < 300000) {
      if (as_chunks) false_records = joined(std::move(false_records), record_header(claimed));
      if (as_indexes) false_records = joined(std::move(false_records), index_header(claimed));
    }
    const Made made = make(true, few_chunks());
    Tampered damaged(made.bytes);
    damaged.records[0] = joined(false_records, Bytes(claimed));
    const Bytes bytes = damaged.bytes();
    CountedSource source(bytes);
    CHECK(names_of(scan(source, made.opened)) == "1 2 index");
    CHECK(source.most_reads() == most_reads);
  }
}

TEST_CASE("a record is hidden by eight false ones of its type that claim it, and by no fewer") {
  const Made made = make(true, few_chunks());
  const Tampered sound(made.bytes);
  const struct {
    std::size_t hidden;
    Bytes (*claim)(std::uint32_t stored_bytes);
    std::size_t tries;
    std::string expected;
  } cases[] = {{0, record_header, kMaxTries - 1, "0 1 2 index"},
               {0, record_header, kMaxTries, "1 2 index"},
               {0, index_header, 1000, "0 1 2 index"},
               {3, index_header, kMaxTries - 1, "0 1 2 index"},
               {3, index_header, kMaxTries, "0 1 2"},
               {3, record_header, 1000, "0 1 2 index"}};
  for (const auto& [hidden, claim, tries, expected] : cases) {
    Bytes false_records;  // each claims all up to the end of the sound one behind them
    for (std::size_t behind = tries; behind-- > 0;)
      false_records =
          joined(std::move(false_records),
                 claim(static_cast<std::uint32_t>(behind * kHead + sound.records[hidden].size())));
    INFO(tries << " false records before " << hidden);
    Tampered damaged(made.bytes);
    damaged.records[hidden] = joined(false_records, sound.records[hidden]);
    CHECK(names_of(scan(damaged.bytes(), made.opened)) == expected);
  }
}

TEST_CASE("false indexes hide no chunk, however much they claim") {
  const Made made = make(true, std::vector<Bytes>(20, Bytes(5000)));
  Bytes bytes = made.bytes;
  const std::size_t end = bytes.size() - layout::kTrailerBytes;
  for (std::size_t at = Tampered(bytes).offset_of(1);
       at < Tampered(made.bytes).offset_of(2) - kHead; at += kHead) {
    const Bytes claim = index_header(static_cast<std::uint32_t>(end - at - kHead));
    std::ranges::copy(claim, bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
  CHECK(names_of(scan(bytes, made.opened)) == "0 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
}

TEST_CASE("a false index that claims more than any has ends no scan") {
  const Made made = make(true, few_chunks());
  for (const std::uint32_t claimed :
       {(1u << 30) - 24, (1u << 30) - 23, 1u << 30, UINT32_MAX - 16, UINT32_MAX}) {
    INFO(claimed << " bytes");
    Tampered damaged(made.bytes);
    damaged.records[1] = joined(index_header(claimed), damaged.records[1]);
    CHECK(names_of(scan(damaged.bytes(), made.opened)) == "0 1 2 index");
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
      source, made.opened, [&](std::size_t more) { reserved += more; }, {},
      [&](std::uint64_t more) { passed += more; });
  for (std::size_t record = 0; record < 4; ++record) {
    REQUIRE(scanner.next());
    CHECK(passed == Tampered(made.bytes).offset_of(record + 1) - head_bytes);
  }
  CHECK_FALSE(scanner.next());
  CHECK(bytes.size() - head_bytes - passed < kHead);
  CHECK(reserved == 66);

  RecordScanner stopped(source, made.opened, {}, {},
                        [](std::uint64_t) { throw Error(errc::cancelled, "enough"); });
  CHECK(kind_of([&] { stopped.next(); }) == errc::cancelled);
  RecordScanner poor(source, made.opened,
                     [](std::size_t) { throw Error(errc::resource_exhausted, "no"); }, {}, {});
  CHECK(kind_of([&] { poor.next(); }) == errc::resource_exhausted);
}

TEST_CASE("what an index takes is given back before the scan goes on, and all of it at the end") {
  const Made made = make(true, {random_bytes(30, 1), random_bytes(50, 2), random_bytes(40, 3)});
  Tampered damaged(made.bytes);
  damaged.records[1].insert(damaged.records[1].begin(), 5000, std::byte{});
  damaged.records[1] = joined(joined(index_header(4000), index_header(200)), damaged.records[1]);
  const Bytes bytes = joined(damaged.bytes(), joined(index_header(1000), Bytes(1000)));
  BytesSource source(bytes);
  std::size_t held = 0;
  std::size_t most = 0;
  {
    RecordScanner scanner(
        source, made.opened, [&](std::size_t more) { most = std::max(most, held += more); },
        [&](std::size_t less) { held -= less; }, {});
    for (const std::size_t longest : {46u, 66u, 66u}) {  // with the tag
      REQUIRE(scanner.next());
      CHECK(held == longest);
    }
    CHECK(most == 4000);
    REQUIRE(scanner.next());
    CHECK_FALSE(scanner.next());
  }
  CHECK(held == 0);
}

TEST_CASE("an index that is passed over for want of memory counts as no try") {
  const Made made = make(true, few_chunks());
  Tampered damaged(made.bytes);
  Bytes claims;
  for (std::size_t claim = 0; claim < 2 * kMaxTries; ++claim)
    claims = joined(std::move(claims), index_header(5000));
  damaged.records[3] = joined(claims, damaged.records[3]);
  const Bytes bytes = joined(damaged.bytes(), Bytes(6000));
  BytesSource source(bytes);
  RecordScanner scanner(source, made.opened,
                        [](std::size_t more) {
                          if (more > 3000) throw Error(errc::resource_exhausted, "no");
                        },
                        {}, {});
  std::string names;
  while (const auto record = scanner.next())
    names += record->header.type == RecordType::index ? "index" : "chunk ";
  CHECK(names == "chunk chunk chunk index");
}

TEST_CASE("only what is refused for want of memory is passed over, and only an index") {
  const Made made = make(true, few_chunks());
  const Bytes claims = joined(joined(index_header(5000), index_header(4000)), Bytes(6000));
  const Bytes bytes = joined(made.bytes, claims);
  const auto scan_with = [&](errc kind) {
    BytesSource source(bytes);
    RecordScanner scanner(source, made.opened,
                          [kind](std::size_t more) {
                            if (more > 3000) throw Error(kind, std::to_string(more));
                          },
                          {}, {});
    while (scanner.next()) continue;
    return scanner.index_passed_over();
  };
  const std::optional<Error> passed_over = scan_with(errc::resource_exhausted);
  REQUIRE(passed_over);
  CHECK(std::string(passed_over->what()).find("4934") != std::string::npos);  // the first one's
  CHECK(kind_of([&] { scan_with(errc::cancelled); }) == errc::cancelled);
}

TEST_CASE("an index that cannot list its chunks is not read") {
  const Made made = make(true, few_chunks());
  constexpr std::uint32_t kMiB = 1024 * 1024;
  struct Case {
    std::uint64_t chunks;
    std::uint32_t plain_bytes;
    bool is_read;
  };
  for (const auto& [chunks, plain_bytes, is_read] :
       {Case{0, 16 + kMiB, true}, Case{0, 16 + kMiB + 1, false}, Case{100, 16 + 800, true},
        Case{100, 16 + 799, false}, Case{UINT64_MAX, 16 + kMiB, false},
        Case{std::uint64_t{1} << 61, 16 + kMiB, false}}) {
    INFO(chunks << " chunks in " << plain_bytes << " bytes");
    const auto claim = encode_record_header({.type = RecordType::index,
                                             .plain_bytes = plain_bytes,
                                             .stored_bytes = plain_bytes + 16,
                                             .sequence = chunks});
    const Bytes bytes = joined(joined(made.bytes, Bytes(claim.begin(), claim.end())),
                               Bytes(std::size_t{plain_bytes} + 16));
    BytesSource source(bytes);
    std::size_t reserved = 0;
    RecordScanner scanner(source, made.opened, [&](std::size_t more) { reserved += more; }, {}, {});
    while (scanner.next()) continue;
    CHECK((reserved > 66) == is_read);
  }
}
