#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "keys/kdf.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoint_kinds.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/temp_dir.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;

/// What a tap has seen: the chunks' numbers and bytes, as they came.
struct Seen {
  std::shared_ptr<const Stage> stage(bool in_order) {
    return tap(
        [this](const ChunkInfo& chunk, std::span<const std::byte> data) {
          const std::lock_guard lock(mutex);
          chunks.push_back(chunk.index);
          bytes.insert(bytes.end(), data.begin(), data.end());
        },
        {.in_order = in_order});
  }
  std::mutex mutex;
  std::vector<std::uint64_t> chunks;
  Bytes bytes;
};

std::vector<std::uint64_t> up_to(std::size_t chunks) {
  std::vector<std::uint64_t> out(chunks);
  for (std::size_t i = 0; i < chunks; ++i) out[i] = i;
  return out;
}

Pipeline pipeline_of(const std::vector<std::shared_ptr<const Stage>>& stages,
                     const Runtime& runtime) {
  Pipeline::Builder builder;
  for (const auto& stage : stages) builder.add(stage);
  return builder.chunk_size(ChunkSize::from_bytes(kChunk)).runtime(runtime).build();
}

Sink hooked_sink(SinkFate& fate, BeforeCall before = {}, std::function<void()> on_cancel = {}) {
  return Sink(std::make_unique<HookedStreamSink>(fate, std::move(before), std::move(on_cancel)));
}

BeforeCall throws_at(std::size_t at) {
  return [at](std::size_t call) {
    if (call == at) throw std::runtime_error("no luck");
  };
}

}  // namespace

TEST_CASE("taps see the bytes at their place, in order if asked, and change nothing") {
  for (const NamedRuntime& runtime : test_runtimes())
    for (const SourceKind& source : source_kinds())
      for (const std::size_t size : {std::size_t{0}, std::size_t{1}, 40 * kChunk + 7}) {
        const Watchdog watchdog(std::chrono::seconds(60));
        INFO(runtime.name << ", " << source.name << ", " << size << " bytes");
        const Bytes plain = compressible_bytes(size, 1);
        const std::size_t chunks = (size + kChunk - 1) / kChunk;
        Seen first, last, any;
        Bytes copy, late_copy, sealed, back;
        const Pipeline tapped =
            pipeline_of({sha256(), tee(Sink::memory(copy)), first.stage(true), xor_stage(),
                         any.stage(false), every_other_stage(), zstd(), last.stage(true), sha256()},
                        runtime.runtime);
        const TempDir dir;
        Report made;
        source.with(plain, dir.path(), [&](Source from) {
          made = tapped.process(std::move(from), Sink::memory(sealed));
        });
        CHECK(copy == plain);
        CHECK(first.chunks == up_to(chunks));
        CHECK(first.bytes == plain);
        CHECK(last.chunks == up_to(chunks));
        std::sort(any.chunks.begin(), any.chunks.end());
        CHECK(any.chunks == up_to(chunks));
        CHECK(made.stages.at(0).digest == sha256({plain}));
        CHECK(made.stages.at(0).name == "sha256");
        CHECK(made.stages.at(8).digest == sha256({last.bytes}));
        CHECK(made.stages.at(2).bytes_in == plain.size());
        CHECK_FALSE(made.stages.at(6).digest.has_value());

        const std::vector<std::shared_ptr<const Stage>> recorded{xor_stage(), every_other_stage(),
                                                                 zstd()};
        restore(Source::memory(sealed), Sink::memory(back),
                {.registry = registry_of(recorded), .runtime = runtime.runtime});
        CHECK(back == plain);
        const auto seen_again =
            pipeline_of({first.stage(true), xor_stage(), sha256(), every_other_stage(), zstd()},
                        runtime.runtime);
        CHECK(
            process_with_fixed_keys(seen_again, Source::memory(plain)) ==
            process_with_fixed_keys(pipeline_of(recorded, runtime.runtime), Source::memory(plain)));
      }
}

TEST_CASE("order is kept where chunks overtake each other, also for a stage of the host's own") {
  struct Ordered final : Stage {
    explicit Ordered(Seen& s) : seen(s) {}
    StageInfo info() const override { return {.id = "test.ordered"}; }
    bool in_order() const override { return true; }
    std::unique_ptr<StageWorker> make_worker(Direction) const override {
      struct Worker final : StageWorker {
        explicit Worker(Seen& s) : seen(s) {}
        Outcome run(const ChunkInfo& chunk, std::span<const std::byte>, Buffer&) override {
          seen.chunks.push_back(chunk.index);  // unlocked: one at a time
          return Outcome::unchanged;
        }
        Seen& seen;
      };
      return std::make_unique<Worker>(seen);
    }
    Seen& seen;
  };
  const Bytes plain = random_bytes(64 * kChunk, 1);
  for (const std::size_t workers : {2u, 8u}) {
    const Watchdog watchdog(std::chrono::seconds(60));
    std::atomic<std::size_t> passed{0};
    const auto hold_back_the_first = tap([&](const ChunkInfo& chunk, auto) {
      if (chunk.index == 0)
        for (std::size_t now = passed; now < 4; now = passed) passed.wait(now);
      ++passed;
      passed.notify_all();
    });
    Seen seen, seen_by_stage;
    Bytes copy, sealed;
    pipeline_of({hold_back_the_first, seen.stage(true), tee(Sink::memory(copy)),
                 std::make_shared<Ordered>(seen_by_stage)},
                Runtime({.worker_threads = workers}))
        .process(Source::memory(plain), Sink::memory(sealed));
    CHECK(seen.chunks == up_to(64));
    CHECK(seen_by_stage.chunks == up_to(64));
    CHECK(copy == plain);
  }
}

TEST_CASE("a tap that throws fails the operation by its name, and tees are abandoned") {
  const Bytes plain = random_bytes(12 * kChunk, 1);
  for (const NamedRuntime& runtime : test_runtimes())
    for (const bool in_order : {true, false})
      for (const std::uint64_t at : {0u, 5u, 11u}) {
        const Watchdog watchdog(std::chrono::seconds(60));
        INFO(runtime.name << ", chunk " << at << (in_order ? ", in order" : ""));
        const auto throwing = tap(
            [at](const ChunkInfo& chunk, auto) {
              if (chunk.index == at) throw std::runtime_error("no luck");
            },
            {.name = "watcher", .in_order = in_order});
        SinkFate fate, copied;
        const Error error = thrown_by([&] {
          pipeline_of({tee(hooked_sink(copied)), throwing, sha256()}, runtime.runtime)
              .process(Source::memory(plain), hooked_sink(fate));
        });
        CHECK(error.kind() == errc::stage_failed);
        CHECK(error.stage() == "watcher");
        CHECK(error.chunk() == at);
        CHECK(copied.abandoned == 1);
        CHECK(copied.committed == 0);
        CHECK(fate.abandoned == 1);
        CHECK(fate.committed == 0);
        CHECK(runtime.runtime.memory_in_use_bytes() == 0);
      }
}

TEST_CASE("a tee that fails, at opening, at a chunk or at commit, fails the operation") {
  struct Broken final : SinkImpl {
    void write(std::span<const std::byte>) override {}
    void commit() override { throw std::runtime_error("no luck"); }
    void abandon() noexcept override {}
    std::string name() const override { return "copy"; }
  };
  SinkFate copied;
  struct Case {
    const char* name;
    std::function<Sink()> make;
    std::optional<std::uint64_t> chunk;
  };
  const Case cases[] = {
      {"opening", []() -> Sink { return Sink("/nowhere/copy"); }, std::nullopt},
      {"making", []() -> Sink { throw std::runtime_error("no luck"); }, std::nullopt},
      {"chunk 3", [&] { return hooked_sink(copied, throws_at(3)); }, 3},
      {"commit", [] { return Sink(std::make_unique<Broken>()); }, std::nullopt},
  };
  const Bytes plain = random_bytes(12 * kChunk, 1);
  for (const NamedRuntime& runtime : test_runtimes())
    for (const Case& c : cases) {
      const Watchdog watchdog(std::chrono::seconds(60));
      INFO(runtime.name << ", " << c.name);
      SinkFate fate;
      copied.abandoned = 0;
      const Error error = thrown_by([&] {
        pipeline_of({tee(c.make), zstd()}, runtime.runtime)
            .process(Source::memory(plain), hooked_sink(fate));
      });
      CHECK(error.stage() == "tee");
      CHECK(error.chunk() == c.chunk);
      if (c.chunk) {
        CHECK(error.kind() == errc::io_error);
        CHECK(error.path() == "output stream");
        CHECK(error.offset() == 3 * kChunk);
        CHECK(copied.abandoned == 1);
      }
      CHECK(fate.abandoned == 1);
      CHECK(fate.committed == 0);
    }
}

TEST_CASE("a tee is committed before the container, and abandoned when that cannot be written") {
  const Bytes plain = random_bytes(12 * kChunk, 1);
  for (const NamedRuntime& runtime : test_runtimes()) {
    const Watchdog watchdog(std::chrono::seconds(60));
    INFO(runtime.name);
    SinkFate fate, copied;
    int copied_before = -1;
    pipeline_of({tee(hooked_sink(copied))}, runtime.runtime)
        .process(Source::memory(plain),
                 Sink(std::make_unique<HookedSink>(
                     fate, BeforeCall(), std::function<void()>(),
                     [&](std::size_t) { copied_before = copied.committed; })));
    CHECK(copied_before == 1);
    CHECK(copied.committed == 1);
    CHECK(copied.abandoned == 0);

    CHECK(thrown_kind([&] {
            pipeline_of({tee(hooked_sink(copied))}, runtime.runtime)
                .process(Source::memory(plain), hooked_sink(fate, throws_at(13)));  // its tail
          }) == errc::io_error);
    CHECK(copied.committed == 1);
    CHECK(copied.abandoned == 1);

    CHECK(thrown_kind([&] {
            pipeline_of({tee(hooked_sink(copied))}, runtime.runtime)
                .process(Source::memory(plain),
                         Sink(std::make_unique<HookedSink>(fate, BeforeCall(),
                                                           std::function<void()>(), throws_at(0))));
          }) == errc::io_error);
    CHECK(copied.committed == 2);  // it stays
    CHECK(copied.abandoned == 1);
  }
}

TEST_CASE("a tee that waits holds up no worker, and is woken to be abandoned") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(12 * kChunk, 1);
  const Runtime runtime({.worker_threads = 1});
  Door door;
  SinkFate copied;
  Bytes sealed;
  const Operation waiting =
      pipeline_of({tee(hooked_sink(
                      copied, [&door](std::size_t) { door.wait(); }, [&door] { door.open(); }))},
                  runtime)
          .start(Source::memory(plain), Sink::memory(sealed));
  door.until_someone_waits();
  for (int i = 0; i < 20; ++i) {
    Bytes other;
    pipeline_of({sha256()}, runtime).process(Source::memory(plain), Sink::memory(other));
  }
  CHECK_FALSE(waiting.wait_for(std::chrono::nanoseconds(0)));
  waiting.cancel();
  CHECK(thrown_kind([&] { waiting.get(); }) == errc::cancelled);
  CHECK(copied.abandoned == 1);
  CHECK(runtime.memory_in_use_bytes() == 0);
}

TEST_CASE("operations at once on one pipeline have digests and tees of their own") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Runtime runtime({.worker_threads = 4});
  constexpr std::size_t kOperations = 20;
  std::vector<Bytes> plain, copies(kOperations), sealed(kOperations);
  for (std::size_t i = 0; i < kOperations; ++i) plain.push_back(random_bytes(i * kChunk + 3, i));
  std::atomic<std::size_t> next{0};
  const Pipeline pipeline =
      pipeline_of({sha256(), tee([&] { return Sink::memory(copies[next++]); })}, runtime);
  std::vector<Operation> operations;
  for (std::size_t i = 0; i < kOperations; ++i)
    operations.push_back(pipeline.start(Source::memory(plain[i]), Sink::memory(sealed[i]),
                                        {.max_in_flight = 1 + i % 3}));
  for (std::size_t i = 0; i < kOperations; ++i)
    CHECK(operations[i].get().stages.at(0).digest == sha256({plain[i]}));
  std::sort(copies.begin(), copies.end());
  std::sort(plain.begin(), plain.end());
  CHECK(copies == plain);
}

TEST_CASE("one sink is for one operation") {
  Bytes copy, sealed;
  const Bytes plain = random_bytes(10, 1);
  const Pipeline pipeline = pipeline_of({tee(Sink::memory(copy))}, Runtime::serial());
  pipeline.process(Source::memory(plain), Sink::memory(sealed));
  const Error error =
      thrown_by([&] { pipeline.process(Source::memory(plain), Sink::memory(sealed)); });
  CHECK(error.kind() == errc::invalid_argument);
  CHECK(error.stage() == "tee");
  CHECK(copy == plain);
}

TEST_CASE("a Writer's taps see what was written") {
  const Bytes plain = random_bytes(3 * kChunk + 5, 1);
  for (const NamedRuntime& runtime : test_runtimes()) {
    const Watchdog watchdog(std::chrono::seconds(60));
    INFO(runtime.name);
    Bytes copy, sealed;
    Writer writer(pipeline_of({sha256(), tee(Sink::memory(copy))}, runtime.runtime),
                  Sink::memory(sealed));
    writer.write(plain);
    writer.flush();
    writer.write(plain);
    const Report made = writer.finish();
    CHECK(made.stages.at(0).digest == sha256({plain, plain}));
    CHECK(copy.size() == 2 * plain.size());
  }
}

TEST_CASE("taps do not count among the stages, but come before the cipher and have names") {
  Pipeline::Builder builder;
  for (int i = 0; i < 16; ++i) builder.add(xor_stage()).add(sha256());
  CHECK_NOTHROW(builder.build());
  builder.add(xor_stage());
  CHECK(thrown_kind([&] { (void)builder.build(); }) == errc::invalid_pipeline);

  const Error error = thrown_by([&] {
    (void)Pipeline::Builder()
        .add(aes_256_gcm({.recipients = {SharedKey::generate()}}))
        .add(sha256())
        .build();
  });
  CHECK(error.kind() == errc::invalid_pipeline);
  CHECK(error.stage() == "sha256");
  const auto nothing = [](const ChunkInfo&, auto) {};
  CHECK(thrown_kind([&] { (void)tap(nothing, {.name = ""}); }) == errc::invalid_argument);
  CHECK(thrown_kind([&] { (void)tap(nothing, {.name = std::string(256, 'x')}); }) ==
        errc::invalid_argument);
  CHECK(thrown_kind([] { (void)tap(nullptr); }) == errc::invalid_argument);
  CHECK(thrown_kind([] { (void)tee(std::function<Sink()>()); }) == errc::invalid_argument);
}

TEST_CASE("taps watch whatever the container, and change nothing of it") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = compressible_bytes(5 * kChunk + 7, 1);
  for (const NamedRuntime& runtime : test_runtimes())
    for (const Container container : {Container::none, Container::zstd_seekable}) {
      const bool is_zstd = container == Container::zstd_seekable;
      INFO(runtime.name << ", zstd " << is_zstd);
      const auto process = [&](const std::vector<std::shared_ptr<const Stage>>& taps, Bytes& out) {
        Pipeline::Builder builder;
        builder.container(container).chunk_size(ChunkSize::from_bytes(kChunk));
        if (!taps.empty()) builder.add(taps[0]);
        if (is_zstd) builder.add(zstd());
        if (!taps.empty()) builder.add(taps[1]);
        return builder.runtime(runtime.runtime)
            .build()
            .process(Source::memory(plain), Sink::memory(out));
      };
      Bytes untapped, tapped, copied;
      process({}, untapped);
      const Report report = process({sha256(), tee(Sink::memory(copied))}, tapped);
      CHECK(tapped == untapped);
      CHECK(report.stages.size() == (is_zstd ? 3u : 2u));
      CHECK(report.stages[0].digest == sha256({plain}));
      CHECK(copied ==
            Bytes(tapped.begin(), tapped.begin() + static_cast<std::ptrdiff_t>(copied.size())));
      CHECK(tapped.size() - copied.size() == (is_zstd ? 8u + 6 * 12 + 9 : 0u));
    }
}

}  // namespace adapipe
