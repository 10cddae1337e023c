#include <sys/wait.h>
#include <unistd.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <optional>
#include <stop_token>
#include <thread>

#include "api/decoded_chunks.hpp"
#include "graph/runtime_impl.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kChunks = 600;  // more than are decoded ahead at once

/// A container whose chunks are counted as they are decoded.
class Counted {
 public:
  Counted() : plain_(random_bytes(kChunks * kChunk, 1)) {
    Pipeline::Builder()
        .add(xor_stage())
        .chunk_size(ChunkSize::from_bytes(kChunk))
        .build()
        .process(Source::memory(plain_), Sink::memory(sealed_));
  }

  Reader open(const Runtime& runtime, std::optional<std::size_t> cache_bytes = {}) {
    return open(Source::memory(sealed_), runtime, cache_bytes);
  }
  Reader open(Source source, const Runtime& runtime, std::optional<std::size_t> cache_bytes = {}) {
    return Reader::open(
        std::move(source),
        {.cache_bytes = cache_bytes,
         .registry = registry_of(
             {make_stage("test.xor", [this](const ChunkInfo& chunk, auto in,
                                            auto& out) { return decode(chunk.index, in, out); })}),
         .runtime = runtime});
  }

  bool read(const Reader& reader, std::size_t offset, std::size_t bytes) const {
    Bytes got(bytes);
    return reader.read_at(offset, got) == bytes &&
           std::equal(got.begin(), got.end(), plain_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  /// Three reads within the first chunk, which is when it shows.
  bool begin_in_sequence(const Reader& reader) const {
    return read(reader, 0, 100) && read(reader, 100, 100) && read(reader, 200, 100);
  }

  int times_decoded(std::size_t chunk) const { return times_[chunk]; }
  int chunks_decoded() const {
    return static_cast<int>(
        std::count_if(times_.begin(), times_.end(), [](const auto& t) { return t > 0; }));
  }
  void until_decoded(std::size_t chunk) const {
    for (int times = times_[chunk]; times == 0; times = times_[chunk]) times_[chunk].wait(times);
  }

  std::function<void(std::uint64_t chunk)> before_decoding;
  Bytes& sealed() { return sealed_; }

 private:
  Outcome decode(std::uint64_t chunk, std::span<const std::byte> in, Buffer& out) {
    if (before_decoding) before_decoding(chunk);
    ++times_[chunk];
    times_[chunk].notify_all();
    return xor_bytes(in, out, std::byte{0x5A});
  }

  Bytes plain_;
  Bytes sealed_;
  std::array<std::atomic<int>, kChunks> times_{};
};

/// A million chunks of one byte each, counted as they are looked up.
class BytePerChunk final : public IndexedReader {
 public:
  BytePerChunk() : IndexedReader(empty_, StageChain(Direction::backward, {}), {}) {}

  std::optional<std::uint64_t> chunks() const noexcept override { return 1 << 20; }
  StoredChunk chunk(std::uint64_t number) const noexcept override {
    ++looked_up_;
    return {.offset = number, .bytes = 1, .plain_offset = number, .plain_bytes = 1};
  }
  std::uint64_t plain_total() const noexcept override { return 1 << 20; }
  bool plain_bytes_are_certain() const override { return true; }

  int looked_up() const noexcept { return looked_up_; }

 private:
  std::span<std::byte> make_room(ChunkSlot&, const StoredChunk&) const override { return {}; }
  void accept(ChunkSlot&, const StoredChunk&) const override {}

  Bytes bytes_;
  HookedSource empty_{bytes_, false, BeforeCall()};
  mutable std::atomic<int> looked_up_{0};
};

/// A Runtime whose only worker has something else to do.
struct Busy {
  explicit Busy(RuntimeOptions options)
      : runtime((options.worker_threads = 1, options)),
        operation(Pipeline::Builder()
                      .add(make_stage("test.busy",
                                      [this](const ChunkInfo&, auto, auto&) {
                                        door.wait();
                                        return Outcome::unchanged;
                                      }))
                      .runtime(runtime)
                      .build()
                      .start(Source::memory(input), Sink::memory(output))) {
    door.until_someone_waits();
  }
  ~Busy() {
    door.open();
    operation.wait();
  }

  Door door;
  const Bytes input = Bytes(1);
  Bytes output;
  const Runtime runtime;
  const Operation operation;
};

}  // namespace

TEST_CASE("what is read in sequence is right, on every runtime, with every size of cache") {
  const Watchdog watchdog(std::chrono::seconds(120));
  Counted container;
  for (const auto& [name, runtime] : test_runtimes()) {
    for (const std::optional<std::size_t> cache_bytes :
         {std::optional<std::size_t>{}, std::optional<std::size_t>{0},
          std::optional<std::size_t>{5 * kChunk}, std::optional<std::size_t>{kChunks * kChunk}}) {
      for (const std::size_t page : {kChunk / 3, kChunk, 3 * kChunk + 1, 100 * kChunk}) {
        INFO(name << ", cache " << cache_bytes.value_or(1) << ", by " << page);
        const Reader reader = container.open(runtime, cache_bytes);
        bool right = true;
        for (std::size_t at = 0; at < kChunks * kChunk; at += page)
          right &= container.read(reader, at, std::min(page, kChunks * kChunk - at));
        CHECK(right);
      }
    }
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("what follows reads in sequence is decoded before it is asked for, and once") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const bool source_waits : {false, true}) {
    Counted container;
    const Runtime runtime({.worker_threads = 2});
    const Reader reader = container.open(
        Source(std::make_unique<HookedSource>(container.sealed(), source_waits, BeforeCall())),
        runtime);
    REQUIRE(container.begin_in_sequence(reader));
    container.until_decoded(1);
    container.until_decoded(10);
    REQUIRE(container.read(reader, 300, 10 * kChunk));
    for (std::size_t chunk = 0; chunk <= 10; ++chunk) {
      INFO(chunk << (source_waits ? ", of a source that may wait" : ""));
      CHECK(container.times_decoded(chunk) == 1);
    }
    CHECK(container.chunks_decoded() < 1 + 256 + 1 + 10);  // 1 MiB, at this size of chunk
  }
}

TEST_CASE("nothing is decoded ahead of other reads, or without room in cache or budget") {
  const Watchdog watchdog(std::chrono::seconds(60));
  struct Case {
    const char* name;
    std::vector<std::size_t> offsets;
    RuntimeOptions options;
    bool decodes_ahead;
  };
  const std::vector<Case> cases{
      {"in sequence", {0, 100, 200}, {}, true},
      {"at random", {0, 50'000, 9000, 90'000, 30'000, 70'000}, {}, false},
      {"too few reads", {0, 100}, {}, false},
      {"no cache", {0, 100, 200, 300}, {.cache_bytes = 2 * kChunk - 1}, false},
      {"no budget", {0, 100, 200, 300}, {.memory_bytes = 4 * kChunk}, false},
  };
  for (const Case& one : cases) {
    INFO(one.name);
    Counted container;
    const Busy busy(one.options);  // what is queued stays there
    const std::size_t before = busy.runtime.memory_in_use_bytes();
    const Reader reader = container.open(busy.runtime);
    for (const std::size_t offset : one.offsets) CHECK(container.read(reader, offset, 100));
    CHECK((busy.runtime.memory_in_use_bytes() > before) == one.decodes_ahead);
  }
}

TEST_CASE("ahead of the smallest chunks, no more are looked at than can be decoded ahead") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Busy busy({});
  const BytePerChunk reader;
  DecodedChunks chunks(reader, 1, busy.runtime.impl(), std::nullopt);
  chunks.decode_ahead(0);
  CHECK(reader.looked_up() >= 256);
  CHECK(reader.looked_up() < 1000);
}

TEST_CASE("a chunk that many want at once is decoded once") {
  const Watchdog watchdog(std::chrono::seconds(60));
  Counted container;
  Door door;
  container.before_decoding = [&](std::uint64_t) { door.wait(); };
  const Reader reader = container.open(Runtime({.worker_threads = 1}));
  constexpr int kThreads = 8;
  std::atomic<int> right{0};
  std::latch others_came(kThreads - 1);
  {
    std::vector<std::jthread> threads;
    threads.emplace_back([&] { right += container.read(reader, 7 * kChunk, 100); });
    door.until_someone_waits();
    while (threads.size() < kThreads)
      threads.emplace_back([&] {
        others_came.count_down();
        right += container.read(reader, 7 * kChunk + 50, 100);
      });
    others_came.wait();
    door.open();
  }
  CHECK(right == kThreads);
  CHECK(container.times_decoded(7) == 1);
}

TEST_CASE("Readers of one Runtime share its cache, and leave it when they end") {
  Counted one, other;
  const std::size_t room = 40 * kChunk;
  const Runtime runtime({.worker_threads = 1, .cache_bytes = room});
  {
    const Reader first = one.open(runtime);
    const Reader second = other.open(runtime);
    for (const std::size_t chunk : {0u, 2u, 4u, 0u, 2u, 4u}) {
      REQUIRE(one.read(first, chunk * kChunk, 1));
      REQUIRE(other.read(second, chunk * kChunk, 1));
    }
    CHECK(one.times_decoded(4) == 1);
    CHECK(other.times_decoded(0) == 1);
    for (std::size_t chunk = 100; chunk < 300; chunk += 2) {
      REQUIRE(other.read(second, chunk * kChunk, 1));
      REQUIRE(runtime.impl().decoded_chunks().bytes() <= room);
    }
    REQUIRE(one.read(first, 4 * kChunk, 1));
    CHECK(one.times_decoded(4) == 2);  // the other one's took its place
  }
  CHECK(runtime.impl().decoded_chunks().bytes() == 0);
}

TEST_CASE("a Reader ends though what it has queued cannot be run, and leaves nothing behind") {
  const Watchdog watchdog(std::chrono::seconds(60));
  Counted container;
  const Busy busy({});
  const std::size_t before = busy.runtime.memory_in_use_bytes();
  {
    const Reader reader = container.open(busy.runtime);
    CHECK(container.begin_in_sequence(reader));
    CHECK(busy.runtime.memory_in_use_bytes() > before);
    CHECK(container.read(reader, 300, 2 * kChunk));  // nor does a read wait for it
  }
  CHECK(busy.runtime.memory_in_use_bytes() == before);
  CHECK(container.chunks_decoded() == 3);
}

TEST_CASE("a Reader that ends waits for the chunk that is being decoded") {
  const Watchdog watchdog(std::chrono::seconds(60));
  Counted container;
  Door door;
  std::atomic<bool> inside{false};
  container.before_decoding = [&](std::uint64_t chunk) {
    if (chunk == 0) return;
    inside = true;
    door.wait();
    inside = false;
  };
  const Runtime runtime({.worker_threads = 1});
  std::optional<Reader> reader(container.open(runtime));
  REQUIRE(container.begin_in_sequence(*reader));
  door.until_someone_waits();
  std::jthread opener([&] { door.open(); });
  reader.reset();
  CHECK(!inside);
  CHECK(runtime.memory_in_use_bytes() == 0);
}

TEST_CASE("a Reader ends in a child of fork(), where nobody decodes what was begun") {
  const Watchdog watchdog(std::chrono::seconds(60));
  Counted container;
  Door door;
  container.before_decoding = [&](std::uint64_t chunk) {
    if (chunk != 0) door.wait();
  };
  const Runtime runtime({.worker_threads = 1});
  std::optional<Reader> reader(container.open(runtime));
  REQUIRE(container.begin_in_sequence(*reader));
  door.until_someone_waits();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);  // the watchdog is not in the child
    reader.reset();
    ::_exit(0);
  }
  door.open();
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("a Reader ends in a child of fork(), whatever its threads were in the middle of") {
  const Watchdog watchdog(std::chrono::seconds(120));
  Counted container;
  const Runtime runtime({.worker_threads = 2});
  const auto end_in_children = [&](Source source, int children) {
    std::optional<Reader> reader(container.open(std::move(source), runtime, 10 * kChunk));
    const std::jthread other([&](const std::stop_token& stop) {
      for (std::size_t at = 0; !stop.stop_requested(); at = (at + 1000) % (kChunks * kChunk - 1000))
        container.read(*reader, at, 1000);
    });
    for (; children > 0; --children) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::alarm(30);  // the watchdog is not in the child
        reader.reset();
        ::_exit(0);
      }
      int status = -1;
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(status == 0);
    }
  };
  end_in_children(Source::memory(container.sealed()), 100);
  // Here, mostly for the limit to let it read.
  end_in_children(Source::limited(Source::memory(container.sealed()), RateLimit(60 * 1024)), 50);
}

TEST_CASE("damage ahead is met by who reads it, with its number, not before") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(20 * kChunk, 1);
  Bytes sealed;
  Pipeline::Builder()
      .add(aes_256_gcm({.recipients = {key}}))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
  sealed[sealed.size() / 2] ^= std::byte{1};
  const Runtime runtime({.worker_threads = 2});
  for (int round = 0; round < 100; ++round) {
    const Reader reader =
        Reader::open(Source::memory(sealed), {.identities = {key}, .runtime = runtime});
    Bytes page(kChunk / 2);
    std::size_t good = 0;
    const Error error = thrown_by([&] {
      for (; good < plain.size(); good += page.size()) reader.read_at(good, page);
    });
    CHECK(error.kind() == errc::corrupt);
    CHECK(error.chunk() == good / kChunk);
    CHECK(good / kChunk >= 9);
  }
}

}  // namespace adapipe
