#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
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

Pipeline small_pipeline(const Runtime& runtime, std::shared_ptr<const Stage> stage) {
  return Pipeline::Builder()
      .add(std::move(stage))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

/// Bytes that are read up to offset `at`, and from there on `most_bytes` at a time.
struct ShortReads {
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) const {
    std::uint64_t count = std::min<std::uint64_t>(to.size(), bytes.size() - offset);
    count = std::min<std::uint64_t>(count, offset < at ? at - offset : most_bytes);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, to.begin());
    return static_cast<std::size_t>(count);
  }
  const Bytes& bytes;
  std::uint64_t at;
  std::uint64_t most_bytes;
};

Source short_source(const Bytes& bytes, bool as_stream, std::uint64_t at,
                    std::uint64_t most_bytes) {
  struct Positional final : PositionalSourceImpl {
    explicit Positional(ShortReads r) : reads(r) {}
    std::uint64_t total_bytes() const override { return reads.bytes.size(); }
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
      return reads.read_at(offset, to);
    }
    bool may_wait() const noexcept override { return false; }
    std::string name() const override { return "short source"; }
    const ShortReads reads;
  };
  struct Stream final : SourceImpl {
    explicit Stream(ShortReads r) : reads(r) {}
    std::size_t read(std::span<std::byte> to) override {
      const std::size_t count = reads.read_at(offset, to);
      offset += count;
      return count;
    }
    std::string name() const override { return "short source"; }
    const ShortReads reads;
    std::uint64_t offset = 0;
  };
  const ShortReads reads{bytes, at, most_bytes};
  if (as_stream) return Source(std::make_unique<Stream>(reads));
  return Source(std::make_unique<Positional>(reads));
}

/// Says at its read number `at` that it gave `claim` bytes, whatever it was asked for.
struct FalseCounts {
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) {
    const std::size_t count = std::min<std::uint64_t>(to.size(), bytes.size() - offset);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, to.begin());
    if (reads++ != at) return count;
    has_lied = true;
    return claim == 1 ? to.size() + 1 : claim;
  }
  const Bytes& bytes;
  std::size_t at;
  std::size_t claim;
  bool& has_lied;
  std::size_t reads = 0;
};

Source false_source(const FalseCounts& counts, bool as_stream) {
  struct Positional final : PositionalSourceImpl {
    explicit Positional(FalseCounts c) : counts(c) {}
    std::uint64_t total_bytes() const override { return counts.bytes.size(); }
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
      return counts.read_at(offset, to);
    }
    bool may_wait() const noexcept override { return false; }
    FalseCounts counts;
  };
  struct Stream final : SourceImpl {
    explicit Stream(FalseCounts c) : counts(c) {}
    std::size_t read(std::span<std::byte> to) override {
      const std::size_t count = counts.read_at(offset, to);
      offset += count;
      return count;
    }
    FalseCounts counts;
    std::uint64_t offset = 0;
  };
  if (as_stream) return Source(std::make_unique<Stream>(counts));
  return Source(std::make_unique<Positional>(counts));
}

Sink good_sink(SinkFate& fate) { return Sink(std::make_unique<HookedSink>(fate, BeforeCall())); }

}  // namespace

TEST_CASE("short reads at any chunk are read on, and an early end is an error that says where") {
  for (const NamedRuntime& runtime : test_runtimes())
    for (const bool restores : {false, true})
      for (const bool as_stream : {false, true})
        for (std::size_t k = 0; k < kChunks; ++k) {
          const Watchdog watchdog(std::chrono::seconds(60));
          INFO(runtime.name << ", " << (restores ? "restore" : "process") << ", "
                            << (as_stream ? "stream" : "positional") << " at " << k);
          const Pipeline pipeline = small_pipeline(runtime.runtime, xor_stage());
          const RestoreOptions options{.registry = registry_of({xor_stage()}),
                                       .runtime = runtime.runtime};
          const Bytes plain = random_bytes(kChunks * kChunk, 1);
          Bytes sealed;
          pipeline.process(Source::memory(plain), Sink::memory(sealed));
          const auto run = [&](std::size_t most_bytes, Sink sink) {
            Source source =
                short_source(restores ? sealed : plain, as_stream, k * kChunk + 500, most_bytes);
            if (restores)
              restore(std::move(source), std::move(sink), options);
            else
              pipeline.process(std::move(source), std::move(sink));
          };
          Bytes out;
          run(1, Sink::memory(out));
          if (!restores) {
            sealed = std::exchange(out, {});
            restore(Source::memory(sealed), Sink::memory(out), options);
          }
          CHECK(out == plain);
          if (as_stream && !restores) continue;  // that is how a stream ends
          SinkFate fate;
          const Error error = thrown_by([&] { run(0, good_sink(fate)); });
          CHECK(error.kind() == (restores ? errc::truncated : errc::io_error));
          CHECK(error.path() == "short source");
          CHECK(error.offset().has_value());
          CHECK(fate.committed == 0);
          CHECK(runtime.runtime.memory_in_use_bytes() == 0);
        }
}

TEST_CASE("a source that says that it gave more than it was asked for is not believed") {
  const Runtime serial = Runtime::serial();
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  const SharedKey key = SharedKey::generate();
  const Pipeline plain_pipeline = small_pipeline(serial, xor_stage());
  Bytes sealed;
  Pipeline::Builder()
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .add(aes_256_gcm({.recipients = {key}}))
      .runtime(serial)
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
  Bytes frames;
  Pipeline::Builder()
      .add(zstd())
      .container(Container::zstd_seekable)
      .runtime(serial)
      .build()
      .process(Source::memory(plain), Sink::memory(frames));
  const RestoreOptions with_key{.identities = {key}, .runtime = serial};
  const RestoreOptions limited{
      .identities = {key}, .runtime = serial, .rate_limit = rate_limit(std::uint64_t{1} << 36)};
  struct Use {
    const char* name;
    const Bytes& input;
    bool as_stream;
    std::function<void(Source, Sink)> run;
  };
  const auto process = [&](Source source, Sink sink) {
    plain_pipeline.process(std::move(source), std::move(sink));
  };
  const auto restored = [&](Source source, Sink sink) {
    restore(std::move(source), std::move(sink), with_key);
  };
  const auto from_frames = [&](Source source, Sink sink) {
    restore(std::move(source), std::move(sink), {.runtime = serial});
  };
  const auto slowly = [&](Source source, Sink sink) {
    restore(std::move(source), std::move(sink), limited);
  };
  const auto read = [&](Source source, Sink) {
    Bytes out(plain.size());
    Reader::open(std::move(source), {.identities = {key}, .runtime = serial}).read_at(0, out);
  };
  const auto salvaged = [&](Source source, Sink sink) {
    salvage(std::move(source), std::move(sink), with_key);
  };
  const auto rekeyed = [&](Source source, Sink sink) {
    rekey(std::move(source), std::move(sink), {.identities = {key}, .add = {key}});
  };
  const Use uses[] = {{"process", plain, false, process},
                      {"process a stream", plain, true, process},
                      {"restore", sealed, false, restored},
                      {"restore a stream", sealed, true, restored},
                      {"restore frames", frames, false, from_frames},
                      {"restore a stream of frames", frames, true, from_frames},
                      {"restore within a limit", sealed, false, slowly},
                      {"read", sealed, false, read},
                      {"salvage", sealed, false, salvaged},
                      {"rekey", sealed, false, rekeyed}};
  for (const Use& use : uses)
    for (const std::size_t claim : {std::size_t{1}, SIZE_MAX, SIZE_MAX / 2}) {
      bool has_lied = true;
      for (std::size_t at = 0; has_lied; ++at) {
        has_lied = false;
        INFO(use.name << ", read " << at << ", claim " << claim);
        SinkFate fate;
        const auto run = [&] {
          use.run(false_source({use.input, at, claim, has_lied}, use.as_stream), good_sink(fate));
        };
        try {
          run();
          CHECK_FALSE(has_lied);
        } catch (const Error& error) {
          CHECK(error.kind() == errc::io_error);
          CHECK(error.message() == "gave more bytes than it was asked for");
          CHECK(fate.committed == 0);
        }
      }
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
  const Pipeline pipeline = small_pipeline(runtime, zstd());
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
