#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunks = 12;

struct Luck : std::runtime_error {
  Luck() : std::runtime_error("out of luck") {}
};

Sink good_sink(SinkFate& fate) { return Sink(std::make_unique<HookedSink>(fate, BeforeCall())); }

}  // namespace

TEST_CASE("cancelling wakes a source that blocks, a sink that blocks, and a wait for the budget") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  for (int round = 0; round < 50; ++round) {
    const Runtime runtime({.worker_threads = 2, .max_concurrent_operations = 1});
    const Pipeline pipeline = pipeline_on(runtime, xor_stage());
    Door door;
    SinkFate fate, waiting_fate;
    const auto open_door = [&door] { door.open(); };
    const BeforeCall block_at_3 = [&door](std::size_t call) {
      if (call == 3) door.wait();
    };
    Operation blocked =
        round % 2 == 0
            ? pipeline.start(Source(std::make_unique<HookedStream>(plain, block_at_3, open_door)),
                             good_sink(fate))
            : pipeline.start(Source::memory(plain),
                             Sink(std::make_unique<HookedStreamSink>(fate, block_at_3, open_door)));
    door.until_someone_waits();
    Operation waiting = pipeline.start(Source::memory(plain), good_sink(waiting_fate));
    CHECK_FALSE(waiting.wait_for(std::chrono::milliseconds(1)));
    waiting.cancel();
    CHECK(thrown_kind([&] { waiting.get(); }) == errc::cancelled);
    blocked.cancel();
    CHECK(thrown_kind([&] { blocked.get(); }) == errc::cancelled);
    REQUIRE(blocked.error() != nullptr);
    CHECK(fate.committed == 0);
    CHECK(fate.abandoned == 1);
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("destroying an operation cancels it and waits for it") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(200 * kChunk, 1);
  const Runtime runtime({.worker_threads = 2});
  const Pipeline pipeline = pipeline_on(runtime, zstd());
  for (int round = 0; round < 300; ++round) {
    SinkFate fate;
    { const Operation dropped = pipeline.start(Source::memory(plain), good_sink(fate)); }
    CHECK(fate.committed + fate.abandoned <= 1);  // 0: cancelled before the sink was opened
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("an operation commits and succeeds, or abandons and fails, whenever the stop comes") {
  const Watchdog watchdog(std::chrono::seconds(120));
  struct StopsAtCommit final : PositionalSinkImpl {
    StopsAtCommit(SinkFate& f, std::stop_source& s) : fate(f), stop(s) {}
    void write_at(std::uint64_t, std::span<const std::byte>) override {}
    void commit() override {
      stop.request_stop();
      ++fate.committed;
    }
    void abandon() noexcept override { ++fate.abandoned; }
    SinkFate& fate;
    std::stop_source& stop;
  };
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  for (const NamedRuntime& runtime : test_runtimes()) {
    SinkFate fate;
    std::stop_source stop;
    const Report report =
        pipeline_on(runtime.runtime, xor_stage())
            .process(Source::memory(plain), Sink(std::make_unique<StopsAtCommit>(fate, stop)),
                     {.stop = stop.get_token()});
    CHECK(report.chunks == kChunks);
    CHECK(fate.committed == 1);
    CHECK(fate.abandoned == 0);
  }
}

TEST_CASE("a hostile stream takes no more memory than its header promises") {
  const Watchdog watchdog(std::chrono::seconds(60));
  // A record that claims more plain bytes than the header has in all, one that stores more than its
  // stages can have made of them, and an index that is larger than its chunks need: each is refused
  // before memory is taken.
  const Bytes plain = compressible_bytes(100, 1);
  Bytes sealed;
  Pipeline::Builder()
      .add(zstd())
      .chunk_size(ChunkSize::from_mib(256))
      .runtime(Runtime::serial())
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
  const auto magic = from_hex("ef415243");
  const auto first = std::search(sealed.begin(), sealed.end(), magic.begin(), magic.end());
  const auto index = std::search(first + 4, sealed.end(), magic.begin(), magic.end());
  struct Case {
    Bytes::iterator record;
    std::vector<std::ptrdiff_t> fields;
    const char* says;
  };
  for (const auto& [record, fields, says] :
       {Case{first, {8}, "more than the header says"}, Case{first, {12}, "larger than its stages"},
        Case{index, {8, 12}, "not of the size that its chunks need"}}) {
    Bytes hostile = sealed;
    for (const std::ptrdiff_t field : fields)
      hostile[static_cast<std::size_t>(record - sealed.begin() + field + 3)] = std::byte{0x0F};
    SinkFate fate;
    const Error error = thrown_by([&] {
      restore(Source(std::make_unique<HookedStream>(hostile, BeforeCall())),
              Sink(std::make_unique<HookedSink>(fate, BeforeCall())),
              {.runtime = Runtime({.worker_threads = 2, .memory_bytes = 1 << 20})});
    });
    CHECK(error.kind() == errc::corrupt);
    INFO(error.what());
    CHECK(std::string(error.what()).find(says) != std::string::npos);
    CHECK(fate.committed == 0);
  }
}

TEST_CASE("a changed end is corrupt from front to back, where nothing can be missing") {
  const Bytes plain = random_bytes(100, 1);
  Bytes sealed;
  pipeline_on(Runtime::serial(), xor_stage()).process(Source::memory(plain), Sink::memory(sealed));
  sealed.back() ^= std::byte{1};
  const RestoreOptions options{.registry = registry_of({xor_stage()}),
                               .runtime = Runtime::serial()};
  CHECK(thrown_kind([&] {
          verify(Source(std::make_unique<HookedStream>(sealed, BeforeCall())), options);
        }) == errc::corrupt);
  CHECK(thrown_kind([&] { verify(Source::memory(sealed), options); }) == errc::truncated);
}

TEST_CASE("a stop requested before the start creates nothing") {
  std::stop_source stop;
  stop.request_stop();
  for (const NamedRuntime& runtime : test_runtimes()) {
    bool opened = false;
    Source source(Source::Opener([&opened]() -> std::unique_ptr<SourceImpl> {
      opened = true;
      throw Luck();
    }));
    SinkFate fate;
    CHECK(thrown_kind([&] {
            pipeline_on(runtime.runtime, xor_stage())
                .process(std::move(source), good_sink(fate), {.stop = stop.get_token()});
          }) == errc::cancelled);
    CHECK_FALSE(opened);
  }
}

TEST_CASE("where a budget has no room for a chunk of the adaptive size, chunks are smaller") {
  const Bytes plain = random_bytes(17 << 20, 1);
  for (const std::size_t memory_bytes : {3u << 20, 5u << 20}) {
    const Runtime runtime({.worker_threads = 2, .memory_bytes = memory_bytes});
    const Pipeline pipeline = Pipeline::Builder().add(zstd({.level = 1})).runtime(runtime).build();
    REQUIRE(pipeline.bytes_in_flight(ChunkSize::from_mib(4)) > memory_bytes);
    Bytes sealed;
    const Report report = pipeline.process(Source::memory(plain), Sink::memory(sealed));
    CHECK(report.chunks > 8);
    CHECK(report.peak_buffer_bytes <= memory_bytes);
    CHECK(inspect(Source::memory(sealed)).chunk_bytes >= 256 * 1024);
  }
}

TEST_CASE("a budget that can never hold one chunk is refused") {
  const Runtime runtime({.worker_threads = 1, .memory_bytes = 100'000});
  const Bytes plain = random_bytes(1 << 20, 1);
  SinkFate fate;
  CHECK(thrown_kind([&] {
          Pipeline::Builder()
              .add(zstd())
              .chunk_size(ChunkSize::from_mib(1))
              .runtime(runtime)
              .build()
              .process(Source::memory(plain), good_sink(fate));
        }) == errc::resource_exhausted);
  CHECK(fate.abandoned == 1);
}

TEST_CASE("an input whose list of chunks cannot fit into the budget is refused before it is read") {
  constexpr std::size_t kInputChunks = 16384;
  struct Zeros final : PositionalSourceImpl {
    explicit Zeros(std::atomic<bool>& read) : was_read(read) {}
    std::uint64_t total_bytes() const override { return kInputChunks * kChunk; }
    std::size_t read_at(std::uint64_t, std::span<std::byte> to) override {
      was_read = true;
      std::ranges::fill(to, std::byte{0});
      return to.size();
    }
    std::atomic<bool>& was_read;
  };
  const struct {
    Container container;
    std::size_t list_bytes;  // less the first 256 KiB, which are not counted
  } kinds[] = {{Container::adapipe, kInputChunks * 32 - 256 * 1024},
               {Container::zstd_seekable, kInputChunks * 36 - 256 * 1024}};
  for (const auto& kind : kinds) {
    std::atomic<bool> was_read = false;
    const auto pipeline_with = [&](std::size_t memory_bytes) {
      return Pipeline::Builder()
          .add(zstd({.level = 1}))
          .container(kind.container)
          .chunk_size(ChunkSize::from_bytes(kChunk))
          .runtime(Runtime({.worker_threads = 1, .memory_bytes = memory_bytes}))
          .build();
    };
    const auto process_with = [&](std::size_t memory_bytes) {
      return pipeline_with(memory_bytes)
          .process(Source(Source::Opener([&] { return std::make_unique<Zeros>(was_read); })),
                   Sink::discard());
    };
    const std::size_t one_chunk =
        pipeline_with(0).bytes_in_flight(ChunkSize::from_bytes(kChunk), 1);
    const Error error = thrown_by([&] { process_with(one_chunk + kind.list_bytes - 1); });
    CHECK(error.kind() == errc::resource_exhausted);
    CHECK(error.message().find("list of all chunks") != std::string::npos);
    CHECK_FALSE(was_read);
    const Report report = process_with(one_chunk + kind.list_bytes);
    CHECK(report.chunks == kInputChunks);
    CHECK(report.peak_buffer_bytes == one_chunk);
  }
}

}  // namespace adapipe
