// Salvaging by an index that says something else than the chunks, and what the lists of a large
// container cost. Of a container that is not encrypted, so that anything can be made up.

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "container/create.hpp"
#include "container/record.hpp"
#include "memory/memory_account.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/fixed_random.hpp"
#include "support/tamper.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

/// Chunks of one byte each.
class Made {
 public:
  explicit Made(std::optional<std::uint64_t> plain_bytes = {}) {
    Header header;
    header.chunk_bytes = 65536;
    header.plain_bytes = plain_bytes;
    FixedRandom random;
    const NewContainer made = create_container(header, std::nullopt, {}, random, {});
    bytes = made.head;
    keys_ = made.keys;
  }

  void add_chunk(std::uint64_t sequence) {
    add({.plain_bytes = 1, .sequence = sequence}, Bytes(1, std::byte{'x'}));
  }

  /// A record that says of itself what it likes, but for the length of its payload.
  void add(RecordHeader record, const Bytes& data) {
    RecordProtector protector(keys_);
    const std::size_t at = bytes.size();
    bytes.resize(at + layout::kRecordHeaderBytes + data.size() + protector.overhead_bytes());
    protector.seal(record, data, bytes.data() + at);
  }

  void add_index(std::uint64_t chunks, const Bytes& content) {
    add({.type = RecordType::index,
         .plain_bytes = static_cast<std::uint32_t>(content.size()),
         .sequence = chunks},
        content);
  }

  Bytes bytes;

 private:
  RecordKeys keys_;
};

Bytes index_of(std::size_t chunks, std::uint32_t plain_bytes = 1) {
  Index index;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk)
    index.add({.stored_bytes = plain_bytes + 8, .plain_bytes = plain_bytes});
  return index.encode();
}

}  // namespace

TEST_CASE("an index that contradicts itself or the header is none, wherever it stands") {
  const Bytes good = index_of(2);
  const Bytes wrong_total = flipped(good, 8, std::byte{4});
  const struct {
    const char* what;
    std::vector<Bytes> indexes;
    std::optional<std::uint64_t> plain_bytes;
    bool end_known;
    std::uint64_t output_bytes;
  } cases[] = {{"none", {}, {}, false, 2},
               {"the true one", {good}, {}, true, 2},
               {"a wrong total", {wrong_total}, {}, false, 2},
               {"a wrong total before the true one", {wrong_total, good}, {}, true, 2},
               {"a wrong total behind the true one", {good, wrong_total}, {}, true, 2},
               {"another number of chunks", {flipped(good, 0, std::byte{1})}, {}, false, 2},
               {"chunks of no bytes", {index_of(2, 0)}, {}, false, 2},
               {"chunks of too many bytes", {index_of(2, 65537)}, {}, false, 2},
               {"another length than in the header", {good}, 3, true, 3}};
  for (const auto& one : cases) {
    INFO(one.what);
    Made made(one.plain_bytes);
    made.add_chunk(0);
    made.add_chunk(1);
    for (const Bytes& index : one.indexes) made.add_index(2, index);
    const auto salvaged = [&](std::uint64_t max_plain_bytes) {
      return salvage(Source::memory(made.bytes), Sink::discard(),
                     {.max_plain_bytes = max_plain_bytes});
    };
    const SalvageReport report = salvaged(one.output_bytes);
    CHECK(report.chunks == 2);
    CHECK(report.end_known == one.end_known);
    CHECK(report.output_bytes == one.output_bytes);
    CHECK(report.is_complete() == (one.end_known && one.output_bytes == 2));
    CHECK(thrown_kind([&] { salvaged(one.output_bytes - 1); }) == errc::limit_exceeded);
  }
}

TEST_CASE("an index that this version does not understand is refused, as by restore()") {
  constexpr std::uint16_t kUnknown = 3;
  constexpr std::uint16_t kKnown = 2;
  const struct {
    std::uint16_t tag;
    std::uint16_t flags;
    errc expected;
    bool end_known;
  } cases[] = {{kUnknown, layout::kCritical, errc::unsupported_version, false},
               {kUnknown, 0, errc{}, true},
               {kKnown, layout::kCritical, errc{}, false}};  // contradicts itself
  for (const auto& [tag, flags, expected, end_known] : cases) {
    INFO("section " << tag << ", flags " << flags);
    ByteWriter content;
    content.put(ByteSpan(index_of(2))).put(tag).put(flags).put(std::uint32_t{0});
    Made made;
    made.add_chunk(0);
    made.add_chunk(1);
    made.add_index(2, std::move(content).take());
    SalvageReport report;
    CHECK(thrown_kind([&] { report = salvage(Source::memory(made.bytes), Sink::discard()); }) ==
          expected);
    CHECK(report.is_complete() == end_known);
    if (expected != errc{})
      CHECK(thrown_kind([&] {
              restore(Source(std::make_unique<HookedStream>(made.bytes, BeforeCall())),
                      Sink::discard());
            }) == expected);
  }
}

TEST_CASE("another record that comes into a chunk's place while it is read is not used for it") {
  const Bytes data(16, std::byte{'x'});
  const RecordHeader found{.plain_bytes = 16, .sequence = 0};
  const RecordHeader others[] = {{.type = RecordType::index, .plain_bytes = 16, .sequence = 0},
                                 {.plain_bytes = 15, .sequence = 0},
                                 {.plain_bytes = 16, .sequence = 2}};
  const auto made_of = [&](const RecordHeader& first) {
    Made made;
    made.add(first, data);
    made.add_chunk(1);
    return made.bytes;
  };
  for (const RecordHeader& other : others) {
    INFO("other record: " << unsigned(other.type) << ", " << other.plain_bytes);
    const Bytes later = made_of(other);
    Bytes bytes;
    const auto salvaged = [&](std::size_t changed_at) {
      bytes = made_of(found);
      std::size_t calls = 0;
      const SalvageReport report =
          salvage(Source(std::make_unique<HookedSource>(bytes, false,
                                                        [&](std::size_t call) {
                                                          calls = call + 1;
                                                          if (call == changed_at) bytes = later;
                                                        })),
                  Sink::discard());
      return std::pair(report, calls);
    };
    const auto [sound, calls] = salvaged(SIZE_MAX);
    CHECK(sound.chunks == 2);
    const auto [changed, again] = salvaged(calls - 2);  // both chunks are read again
    REQUIRE(changed.lost.size() == 1);
    CHECK(changed.lost[0].reason.find("changed while it was read") != std::string::npos);
  }
}

TEST_CASE("a salvage stops while it writes zeros") {
  Made made;
  made.add({.plain_bytes = 1, .sequence = 3}, Bytes(1));
  Index index;
  for (int lost = 0; lost < 3; ++lost) index.add({.stored_bytes = 65544, .plain_bytes = 65536});
  index.add({.stored_bytes = 9, .plain_bytes = 1});
  made.add_index(4, index.encode());
  std::stop_source stop;
  SinkFate fate;
  std::size_t writes = 0;
  const BeforeCall count = [&](std::size_t) {
    ++writes;
    stop.request_stop();
  };
  CHECK(thrown_kind([&] {
          salvage(Source::memory(made.bytes), Sink(std::make_unique<HookedStreamSink>(fate, count)),
                  {.stop = stop.get_token()});
        }) == errc::cancelled);
  CHECK(writes == 1);
}

TEST_CASE("a salvage tells how far it is, and why the end is lost") {
  Made made(4);
  const std::size_t head_bytes = made.bytes.size();
  made.add_chunk(0);
  made.add_chunk(2);  // beyond the end, if the one before it had the chunk size
  const auto salvaged = [&](Progress& last) {
    SinkFate fate;
    return salvage(Source::memory(made.bytes),
                   Sink(std::make_unique<HookedStreamSink>(fate, BeforeCall())),
                   {.on_progress = [&](const Progress& now) { last = now; }});
  };
  Progress last;
  const SalvageReport without_index = salvaged(last);
  REQUIRE(without_index.lost.size() == 1);
  CHECK(without_index.lost[0].reason == "where it belongs is not known");
  CHECK(without_index.output_bytes == 4);

  made.add_index(4, index_of(4));
  const SalvageReport with_index = salvaged(last);
  CHECK(with_index.output_bytes == 4);  // with gaps of a single byte
  CHECK(with_index.lost.size() == 2);
  CHECK(last.bytes_done == 2);
  CHECK(last.stored_bytes == made.bytes.size() - head_bytes);
  CHECK(last.bytes_total == 4);
}

TEST_CASE("an index that is none keeps no memory") {
  Made made;
  made.add_chunk(0);
  for (int index = 0; index < 5; ++index)
    made.add_index(50'000, flipped(index_of(50'000), 8, std::byte{4}));  // 400 KB
  const Runtime runtime({.worker_threads = 1, .memory_bytes = 1024 * 1024});
  CHECK(salvage(Source::memory(made.bytes), Sink::discard(), {.runtime = runtime}).chunks == 1);
}

TEST_CASE("copies of a chunk take no memory for each, and hide none") {
  Made made;
  constexpr std::size_t kCopies = 100'000;
  for (std::size_t copy = 0; copy < kCopies; ++copy) made.add_chunk(copy % 100);
  made.add_chunk(100);
  made.add_index(101, index_of(101));
  const Runtime runtime({.worker_threads = 1, .memory_bytes = 1});
  const SalvageReport report =
      salvage(Source::memory(made.bytes), Sink::discard(), {.runtime = runtime});
  CHECK(report.chunks == 101);
  CHECK(report.is_complete());
}

TEST_CASE("copies do not have the list of chunks sorted for each, where it is nearly full") {
  const Watchdog watchdog(std::chrono::minutes(1));
  constexpr std::size_t kChunks = 131'071;  // one less than a power of two, as capacities are
  Made made;
  for (std::size_t chunk = 0; chunk < kChunks; ++chunk) made.add_chunk(chunk);
  for (std::size_t copy = 0; copy < 2 * kChunks; ++copy) made.add_chunk(copy % 100);
  CHECK(salvage(Source::memory(made.bytes), Sink::discard()).chunks == kChunks);
}

TEST_CASE("the lists of a salvage are within the memory budget") {
  constexpr std::size_t kChunks = 50'000;
  constexpr std::size_t kFree = MemoryAccount::kFreeBytes;
  constexpr std::size_t kForFound = 64 * kChunks;  // as FORMAT.md has it
  constexpr std::size_t kForIndex = 2 * 8 * kChunks;
  Made sound;
  Made gaps;
  for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
    sound.add_chunk(chunk);
    if (chunk % 2 == 0) gaps.add_chunk(chunk);
  }
  for (Made* made : {&sound, &gaps}) made->add_index(kChunks, index_of(kChunks));
  const struct {
    const char* what;
    const Bytes& bytes;
    std::size_t budget;
    errc expected;
  } cases[] = {
      {"enough", sound.bytes, kForFound + kForIndex + kFree, errc{}},
      {"not enough", sound.bytes, kForFound + kForIndex - kFree - 1, errc::resource_exhausted},
      {"enough for gaps", gaps.bytes, kForFound / 2 + kForIndex + 200 * kChunks / 2, errc{}},
      {"not enough for gaps", gaps.bytes, kForFound / 2 + kForIndex + kFree,
       errc::resource_exhausted}};
  for (const auto& one : cases) {
    INFO(one.what);
    const Runtime runtime({.worker_threads = 1, .memory_bytes = one.budget});
    CHECK(thrown_kind([&] {
            salvage(Source::memory(one.bytes), Sink::discard(), {.runtime = runtime});
          }) == one.expected);
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

}  // namespace adapipe
