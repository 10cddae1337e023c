#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/tamper.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;

Bytes sealed_with(const SharedKey& key, const Bytes& plain) {
  Bytes sealed;
  Pipeline::Builder()
      .add(zstd())
      .add(aes_256_gcm({.recipients = {key}}))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .build()
      .process(Source::memory(plain), Sink::memory(sealed), {.metadata = {{"name", "in.bin"}}});
  return sealed;
}

}  // namespace

TEST_CASE("any range reads what the plain bytes hold there") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(10 * kChunk + 5, 1);
  const Bytes sealed = sealed_with(key, plain);
  const auto reader =
      Reader::open(Source::memory(sealed), {.identities = {key}, .cache_bytes = 2 * kChunk});
  CHECK(reader.size() == plain.size());
  const std::size_t end = plain.size();
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, kChunk - 1, kChunk,
                                   5 * kChunk + 17, end - 1, end, end + 1}) {
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, kChunk, 3 * kChunk + 1, end}) {
      INFO(offset << " + " << length);
      Bytes got(length, std::byte{0xEE});
      const std::size_t expected = offset < end ? std::min(length, end - offset) : 0;
      REQUIRE(reader.read_at(offset, got) == expected);
      CHECK(std::equal(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(expected),
                       plain.begin() + static_cast<std::ptrdiff_t>(std::min(offset, end))));
      CHECK(std::all_of(got.begin() + static_cast<std::ptrdiff_t>(expected), got.end(),
                        [](std::byte b) { return b == std::byte{0xEE}; }));
    }
  }
}

TEST_CASE("a range of many chunks is read in parallel, on every runtime") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(200 * kChunk + 5, 1);
  const Bytes sealed = sealed_with(key, plain);
  for (const auto& [name, runtime] : test_runtimes()) {
    const auto reader =
        Reader::open(Source::memory(sealed), {.identities = {key}, .runtime = runtime});
    for (const std::size_t offset : {std::size_t{0}, kChunk - 1, 50 * kChunk, plain.size()}) {
      for (const std::size_t length : {64 * kChunk, 100 * kChunk + 7, plain.size() + 1}) {
        INFO(name << ", " << offset << " + " << length);
        const std::size_t expected = std::min(length, plain.size() - offset);
        Bytes at_once(length), started(length);
        CHECK(reader.read_at(offset, at_once) == expected);
        const Report report = reader.start_read(offset, started).get();
        CHECK(report.output_bytes == expected);
        const auto from = plain.begin() + static_cast<std::ptrdiff_t>(offset);
        CHECK(std::equal(from, from + static_cast<std::ptrdiff_t>(expected), at_once.begin()));
        CHECK(at_once == started);
      }
    }
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("a started read counts the records that it took") {
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_with(key, compressible_bytes(5 * kChunk + 5, 1));
  const Tampered parts(sealed);
  const auto reader = Reader::open(Source::memory(sealed), {.identities = {key}});
  for (std::size_t first = 0; first < parts.chunks(); ++first)
    for (std::size_t last = first; last < parts.chunks(); ++last) {
      INFO("chunks " << first << " to " << last);
      Bytes got((last - first) * kChunk + 1);
      const Report report = reader.start_read(first * kChunk, got).get();
      CHECK(report.input_bytes == parts.offset_of(last + 1) - parts.offset_of(first));
      CHECK(report.chunks == last - first + 1);
      CHECK(report.slot_type == reader.info().slot_types.at(0));
    }
}

TEST_CASE("a large range is read although the budget cannot hold a chunk") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(100 * kChunk, 1);
  const Bytes sealed = sealed_with(key, plain);
  const Runtime tiny({.worker_threads = 1, .memory_bytes = 100});
  const auto reader = Reader::open(Source::memory(sealed), {.identities = {key}, .runtime = tiny});
  Bytes got(plain.size());
  CHECK(reader.read_at(0, got) == plain.size());
  CHECK(got == plain);
  CHECK(thrown_kind([&] { reader.start_read(0, got).get(); }) == errc::resource_exhausted);
}

TEST_CASE("a large range is read although operations that wait for the reader fill the Runtime") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(100 * kChunk, 1);
  const Bytes sealed = sealed_with(key, plain);
  const RuntimeOptions no_place{.worker_threads = 1, .max_concurrent_operations = 1};
  const RuntimeOptions no_memory{.worker_threads = 1, .memory_bytes = kChunk * 3};
  for (const RuntimeOptions& options : {no_place, no_memory}) {
    const Runtime runtime(options);
    const auto reader =
        Reader::open(Source::memory(sealed), {.identities = {key}, .runtime = runtime});
    Bytes copy;
    Writer writer(
        Pipeline::Builder().chunk_size(ChunkSize::from_bytes(kChunk)).runtime(runtime).build(),
        Sink::memory(copy));
    writer.write(std::span(plain).first(1));
    Bytes got(plain.size());
    CHECK(reader.read_at(0, got) == plain.size());
    CHECK(got == plain);
    writer.finish();
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("a started read outlives its reader, and tells which chunk is damaged") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(200 * kChunk, 1);
  Bytes sealed = sealed_with(key, plain);
  Bytes got(plain.size());
  const auto start = [&] {
    return Reader::open(Source::memory(sealed), {.identities = {key}}).start_read(0, got);
  };
  start().get();
  CHECK(got == plain);
  sealed[sealed.size() / 2] ^= std::byte{1};
  const Error error = thrown_by([&] { start().get(); });
  CHECK(error.kind() == errc::corrupt);
  CHECK(error.chunk() == 100);
  CHECK(error.path());
  const Error at_once = thrown_by(
      [&] { Reader::open(Source::memory(sealed), {.identities = {key}}).read_at(kChunk, got); });
  CHECK(at_once.chunk() == 100);
}

TEST_CASE("many threads read one reader") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(50 * kChunk, 1);
  const Bytes sealed = sealed_with(key, plain);
  const auto reader =
      Reader::open(Source::memory(sealed), {.identities = {key}, .cache_bytes = 3 * kChunk});
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Bytes page(777);
      for (std::size_t i = 0; i < 300; ++i) {
        const std::size_t offset = (i * 7919 + t * 104'729) % (plain.size() - page.size());
        if (reader.read_at(offset, page) != page.size() ||
            !std::equal(page.begin(), page.end(),
                        plain.begin() + static_cast<std::ptrdiff_t>(offset)))
          ++wrong;
      }
    });
  threads.clear();
  CHECK(wrong == 0);
}

TEST_CASE("a damaged chunk fails alone, with its number, and gives no byte") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(3 * kChunk, 1);
  Bytes sealed = sealed_with(key, plain);
  sealed[sealed.size() - 24 - 80 - kChunk / 2] ^=
      std::byte{1};  // in chunk 2, before index and trailer
  const auto reader = Reader::open(Source::memory(sealed), {.identities = {key}});
  Bytes page(kChunk, std::byte{0});
  CHECK(reader.read_at(0, page) == kChunk);
  Bytes untouched(kChunk, std::byte{7});
  const Error error = thrown_by([&] { reader.read_at(2 * kChunk, untouched); });
  CHECK(error.kind() == errc::corrupt);
  CHECK(error.chunk() == 2);
  CHECK(untouched == Bytes(kChunk, std::byte{7}));
}

TEST_CASE("a container tells what it is, with a key for sure and without one in part") {
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_with(key, random_bytes(3 * kChunk, 1));
  const ContainerInfo known = Reader::open(Source::memory(sealed), {.identities = {key}}).info();
  CHECK(known.authenticated);
  CHECK(known.chunks == 3);
  CHECK(known.plain_bytes == 3 * kChunk);
  CHECK(known.container_bytes == sealed.size());
  CHECK(known.cipher == "AES-256-GCM");
  CHECK(known.metadata == Metadata{{"name", "in.bin"}});
  const ContainerInfo guessed = inspect(Source::memory(sealed));
  CHECK_FALSE(guessed.authenticated);
  CHECK_FALSE(guessed.chunks.has_value());
  CHECK(guessed.stages.at(0).id == "adapipe.zstd");
  CHECK(guessed.slot_types == std::vector<std::uint16_t>{1});
}

TEST_CASE("a container without encryption is never called authenticated") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(10, 1);
  Bytes sealed;
  Pipeline::Builder().build().process(Source::memory(plain), Sink::memory(sealed));
  CHECK_FALSE(Reader::open(Source::memory(sealed)).info().authenticated);
  const auto allowed =
      Reader::open(Source::memory(sealed), {.identities = {key}, .allow_unencrypted = true});
  CHECK_FALSE(allowed.info().authenticated);
  CHECK_FALSE(inspect(Source::memory(sealed)).authenticated);
}

TEST_CASE("a stage that is not known is named before the end of the container is looked at") {
  const Bytes plain = random_bytes(10, 1);
  Bytes sealed;
  Pipeline::Builder().add(xor_stage()).build().process(Source::memory(plain), Sink::memory(sealed));
  sealed.pop_back();
  CHECK(thrown_kind([&] { (void)Reader::open(Source::memory(sealed)); }) == errc::unknown_stage);
  CHECK(thrown_kind([&] { verify(Source::memory(sealed)); }) == errc::unknown_stage);
}

TEST_CASE("a stream cannot be read at random") {
  std::istringstream stream("whatever");
  CHECK(thrown_kind([&] { (void)Reader::open(Source::from(stream)); }) == errc::invalid_argument);
}

TEST_CASE("whatever a host's source throws is an Error that names the source") {
  Bytes sealed;
  Pipeline::Builder().build().process(Source::owned(random_bytes(10, 1)), Sink::memory(sealed));
  std::size_t failing = 0;
  const auto source = [&] {
    return Source(std::make_unique<HookedSource>(sealed, true, [&](std::size_t call) {
      if (call == failing) throw std::runtime_error("the disk is gone");
    }));
  };
  std::size_t failed = 0;
  for (; failing < 10; ++failing) {
    for (const Error& error : {thrown_by([&] { inspect(source()); }), thrown_by([&] {
                                 std::array<std::byte, 10> all;
                                 (void)Reader::open(source()).read_at(0, all);
                               })}) {
      if (error.kind() == errc{}) continue;
      ++failed;
      CHECK(error.kind() == errc::io_error);
      CHECK(error.path() == "hooked source");
    }
  }
  CHECK(failed > 8);
}

TEST_CASE("a file that is cut off once it is open ends the read") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes sealed =
      sealed_with(SharedKey::from_bytes(std::array<std::byte, 32>{}), random_bytes(2 * kChunk, 1));
  std::size_t there = sealed.size();
  const Reader reader =
      Reader::open(Source(std::make_unique<CutSource>(sealed, there)),
                   {.identities = {SharedKey::from_bytes(std::array<std::byte, 32>{})}});
  there = sealed.size() / 2;
  std::array<std::byte, 2 * kChunk> all;
  CHECK(thrown_kind([&] { reader.read_at(0, all); }) == errc::truncated);
}

}  // namespace adapipe
