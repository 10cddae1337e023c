#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kChunks = 12;

struct Luck : std::runtime_error {
  Luck() : std::runtime_error("out of luck") {}
};

BeforeCall throw_at(std::size_t k) {
  return [k](std::size_t call) {
    if (call == k) throw Luck();
  };
}

std::shared_ptr<const Stage> stage_that_fails_at(std::size_t k) {
  return make_stage("test.fails", [k](const ChunkInfo& chunk, auto in, auto& out) {
    if (chunk.index == k) throw Luck();
    return xor_bytes(in, out, std::byte{1});
  });
}

Pipeline small_pipeline(const Runtime& runtime, std::shared_ptr<const Stage> stage) {
  return Pipeline::Builder()
      .add(std::move(stage))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

/// Where a run fails: makes a source and a sink of which one, or the stage, fails at `k`.
struct Position {
  const char* name;
  errc expected;
  std::function<std::unique_ptr<SourceImpl>(const Bytes&, std::size_t k)> source;
  std::function<std::unique_ptr<SinkImpl>(SinkFate&, std::size_t k)> sink;
  bool stage_fails = false;
};

std::unique_ptr<SourceImpl> good_source(const Bytes& bytes, std::size_t) {
  return std::make_unique<HookedSource>(bytes, false, BeforeCall());
}
std::unique_ptr<SinkImpl> good_sink(SinkFate& fate, std::size_t) {
  return std::make_unique<HookedSink>(fate, BeforeCall());
}

const Position kPositions[] = {
    {"source read in place", errc::io_error,
     [](const Bytes& b, std::size_t k) -> std::unique_ptr<SourceImpl> {
       return std::make_unique<HookedSource>(b, false, throw_at(k));
     },
     good_sink},
    {"source read on an I/O thread", errc::io_error,
     [](const Bytes& b, std::size_t k) -> std::unique_ptr<SourceImpl> {
       return std::make_unique<HookedSource>(b, true, throw_at(k));
     },
     good_sink},
    {"stream", errc::io_error,
     [](const Bytes& b, std::size_t k) -> std::unique_ptr<SourceImpl> {
       return std::make_unique<HookedStream>(b, throw_at(k));
     },
     good_sink},
    {"stage", errc::stage_failed, good_source, good_sink, true},
    {"sink written in any order", errc::io_error, good_source,
     [](SinkFate& fate, std::size_t k) -> std::unique_ptr<SinkImpl> {
       return std::make_unique<HookedSink>(fate, throw_at(k));
     }},
    {"sink written in order", errc::io_error, good_source,
     [](SinkFate& fate, std::size_t k) -> std::unique_ptr<SinkImpl> {
       return std::make_unique<HookedStreamSink>(fate, throw_at(k));
     }},
};

}  // namespace

TEST_CASE("whatever throws at whatever chunk, the operation ends, undone, with that error") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  for (const NamedRuntime& runtime : test_runtimes()) {
    for (const Position& position : kPositions) {
      for (std::size_t k = 0; k < kChunks; ++k) {
        INFO(runtime.name << ", " << position.name << " at " << k);
        SinkFate fate;
        const auto stage = position.stage_fails ? stage_that_fails_at(k) : xor_stage();
        const Error error = thrown_by([&] {
          small_pipeline(runtime.runtime, stage)
              .process(position.source(plain, k), position.sink(fate, k));
        });
        CHECK(error.kind() == position.expected);
        CHECK(std::string(error.what()).find("out of luck") != std::string::npos);
        if (position.stage_fails) {
          CHECK(error.chunk() == k);
          CHECK(error.stage() == "test.fails");
          CHECK(error.path() == "hooked source");
          CHECK(error.offset() == k * kChunk);
        }
        CHECK(fate.committed == 0);
        CHECK(fate.abandoned == 1);
        CHECK(runtime.runtime.memory_in_use_bytes() == 0);
      }
    }
  }
}

TEST_CASE("a restore that fails at a chunk leaves the destination as it was") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  for (const NamedRuntime& runtime : test_runtimes()) {
    Bytes sealed;
    small_pipeline(runtime.runtime, xor_stage())
        .process(Source::memory(plain), Sink::memory(sealed));
    for (std::size_t k = 0; k < kChunks; ++k) {
      INFO(runtime.name << " at " << k);
      StageRegistry registry;
      registry.add("test.xor", [k](auto) { return stage_that_fails_at(k); });
      SinkFate fate;
      const Error error = thrown_by([&] {
        restore(Source::memory(sealed), good_sink(fate, 0),
                {.registry = registry, .runtime = runtime.runtime});
      });
      CHECK(error.kind() == errc::stage_failed);
      CHECK(error.chunk() == k);
      CHECK(fate.committed == 0);
      CHECK(fate.abandoned == 1);
      CHECK(runtime.runtime.memory_in_use_bytes() == 0);
    }
  }
}

TEST_CASE("a progress callback that throws ends the operation") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  for (const NamedRuntime& runtime : test_runtimes()) {
    SinkFate fate;
    const Error error = thrown_by([&] {
      small_pipeline(runtime.runtime, xor_stage())
          .process(Source::memory(plain), good_sink(fate, 0),
                   {.on_progress = [](const Progress&) { throw Luck(); }});
    });
    CHECK(error.kind() == errc::io_error);
    CHECK(fate.abandoned == 1);
  }
}

TEST_CASE("a source that becomes shorter while it is read is an error") {
  struct Shrinking final : PositionalSourceImpl {
    std::uint64_t total_bytes() const override { return 10 * kChunk; }
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
      return offset < 5 * kChunk ? to.size() : 0;
    }
  };
  for (const NamedRuntime& runtime : test_runtimes()) {
    SinkFate fate;
    const Error error = thrown_by([&] {
      small_pipeline(runtime.runtime, xor_stage())
          .process(Source(std::make_unique<Shrinking>()), good_sink(fate, 0));
    });
    CHECK(error.kind() == errc::io_error);
    CHECK(error.chunk() >= 5u);
    CHECK(fate.abandoned == 1);
  }
}

TEST_CASE("cancelling wakes a source that blocks, a sink that blocks, and a wait for the budget") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  for (int round = 0; round < 50; ++round) {
    const Runtime runtime({.worker_threads = 2, .max_concurrent_operations = 1});
    const Pipeline pipeline = small_pipeline(runtime, xor_stage());
    Door door;
    SinkFate fate, waiting_fate;
    const auto open_door = [&door] { door.open(); };
    const BeforeCall block_at_3 = [&door](std::size_t call) {
      if (call == 3) door.wait();
    };
    Operation blocked =
        round % 2 == 0
            ? pipeline.start(Source(std::make_unique<HookedStream>(plain, block_at_3, open_door)),
                             good_sink(fate, 0))
            : pipeline.start(Source::memory(plain),
                             Sink(std::make_unique<HookedStreamSink>(fate, block_at_3, open_door)));
    door.until_someone_waits();
    Operation waiting = pipeline.start(Source::memory(plain), good_sink(waiting_fate, 0));
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
  const Pipeline pipeline = small_pipeline(runtime, zstd());
  for (int round = 0; round < 300; ++round) {
    SinkFate fate;
    { const Operation dropped = pipeline.start(Source::memory(plain), good_sink(fate, 0)); }
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
        small_pipeline(runtime.runtime, xor_stage())
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
  small_pipeline(Runtime::serial(), xor_stage())
      .process(Source::memory(plain), Sink::memory(sealed));
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
            small_pipeline(runtime.runtime, xor_stage())
                .process(std::move(source), good_sink(fate, 0), {.stop = stop.get_token()});
          }) == errc::cancelled);
    CHECK_FALSE(opened);
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
              .process(Source::memory(plain), good_sink(fate, 0));
        }) == errc::resource_exhausted);
  CHECK(fate.abandoned == 1);
}

}  // namespace adapipe
