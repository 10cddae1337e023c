#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <atomic>
#include <filesystem>
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

std::size_t threads_of_this_process() {
  std::size_t threads = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    ++threads;
  return threads;
}

}  // namespace

TEST_CASE("1,000 operations at once on one Runtime all complete within its budget and threads") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const Bytes plain = compressible_bytes(3 * kChunk + 1, 1);
  const Runtime runtime({.worker_threads = 2,
                         .io_threads = 4,
                         .memory_bytes = 8 << 20,
                         .max_concurrent_operations = 50});
  const std::size_t threads_before = threads_of_this_process();
  const Pipeline pipeline = pipeline_on(runtime, zstd());
  std::vector<Bytes> sealed(1000);
  std::vector<Operation> operations;
  for (Bytes& to : sealed)
    operations.push_back(pipeline.start(Source::memory(plain), Sink::memory(to)));
  CHECK(threads_of_this_process() <= threads_before + 4);
  for (const Operation& operation : operations) CHECK(operation.get().input_bytes == plain.size());
  CHECK(runtime.memory_in_use_bytes() == 0);
  Bytes back;
  for (const Bytes& from : sealed) {
    restore(Source::memory(from), Sink::memory(back), {.runtime = runtime});
    CHECK(back == plain);
  }
}

TEST_CASE("an absurd number of chunks in flight is cut to what the budget holds") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 2, .memory_bytes = 1 << 20});
  const Bytes plain = random_bytes(5 * kChunk, 1);
  Bytes sealed;
  const Report report = pipeline_on(runtime, xor_stage())
                            .process(Source(std::make_unique<HookedStream>(plain, BeforeCall())),
                                     Sink::memory(sealed), {.max_in_flight = SIZE_MAX});
  CHECK(report.peak_buffer_bytes <= std::size_t{1} << 20);
}

TEST_CASE("a source may itself process on the same Runtime") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1, .io_threads = 1, .max_concurrent_operations = 1});
  const Bytes plain = random_bytes(5 * kChunk, 1);
  const Pipeline pipeline = pipeline_on(runtime, xor_stage());
  Bytes sealed;
  const BeforeCall nest = [&](std::size_t) {
    Bytes inner;
    pipeline.process(Source::memory(plain), Sink::memory(inner));
  };
  CHECK(pipeline.process(Source(std::make_unique<HookedStream>(plain, nest)), Sink::memory(sealed))
            .chunks == 5);
}

TEST_CASE("never more chunks are in flight than were allowed") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(100 * kChunk, 1);
  for (const std::size_t allowed : {1u, 2u, 5u}) {
    std::atomic<std::size_t> in_flight{0};
    std::atomic<std::size_t> most{0};
    SinkFate fate;
    const auto counted = [&](std::size_t) {
      const std::size_t now = ++in_flight;
      for (std::size_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
    };
    const Runtime runtime({.worker_threads = 8});
    const Report report =
        pipeline_on(runtime, xor_stage())
            .process(Source(std::make_unique<HookedSource>(plain, false, counted)),
                     Sink(std::make_unique<HookedStreamSink>(fate,
                                                             [&](std::size_t call) {
                                                               // The header comes first and the
                                                               // tail last; the rest are chunks.
                                                               if (call >= 1 && call <= 100)
                                                                 --in_flight;
                                                             })),
                     {.max_in_flight = allowed});
    CHECK(report.max_in_flight == allowed);
    CHECK(most <= allowed);
    CHECK(in_flight == 0);
  }
}

TEST_CASE("a stage with a concurrency limit of one is never run twice at once") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(300 * kChunk, 1);
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  const auto stage = make_stage("test.alone",
                                [&](const ChunkInfo&, auto in, auto& out) {
                                  if (++inside != 1) overlapped = true;
                                  const Outcome outcome = xor_bytes(in, out, std::byte{1});
                                  --inside;
                                  return outcome;
                                },
                                {.max_concurrency = 1});
  Bytes sealed;
  pipeline_on(Runtime({.worker_threads = 8}), stage)
      .process(Source::memory(plain), Sink::memory(sealed));
  CHECK_FALSE(overlapped);
}

TEST_CASE("one stage's limit lets as many in at once as it says, and the others overlap with it") {
  const Bytes plain = random_bytes(60 * kChunk, 1);
  struct Calls {
    std::atomic<int> before{0};  // of the stage that runs before the limited one
    std::atomic<int> inside{0};
    std::atomic<int> most_inside{0};
    std::atomic<int> met{0};
  };
  for (const int limit : {1, 2})
    for (const bool restores : {false, true}) {
      const Watchdog watchdog(std::chrono::seconds(60));
      INFO("limit " << limit << (restores ? ", restore" : ", process"));
      Calls calls;
      std::atomic<bool> forced{false};
      const auto feeding = make_stage("test.feeding", [&](const ChunkInfo&, auto in, auto& out) {
        ++calls.before;
        calls.before.notify_all();
        return xor_bytes(in, out, std::byte{1});
      });
      const auto limited =
          make_stage("test.limited",
                     [&](const ChunkInfo&, auto in, auto& out) {
                       const int now = ++calls.inside;
                       if (forced) {
                         for (int seen = calls.most_inside;
                              now > seen && !calls.most_inside.compare_exchange_weak(seen, now);) {
                         }
                         // The first ones stay until all that may are inside, and more chunks have
                         // come.
                         if (++calls.met <= limit) {
                           for (int met = calls.met; met < limit; met = calls.met)
                             calls.met.wait(met);
                           for (int fed = calls.before; fed < limit + 4; fed = calls.before)
                             calls.before.wait(fed);
                         }
                         calls.met.notify_all();
                       }
                       --calls.inside;
                       return xor_bytes(in, out, std::byte{2});
                     },
                     {.max_concurrency = static_cast<std::size_t>(limit)});
      const Runtime runtime({.worker_threads = 8});
      const auto stages = restores ? std::vector{limited, feeding} : std::vector{feeding, limited};
      Bytes sealed, back;
      forced = !restores;
      Pipeline::Builder()
          .add(stages[0])
          .add(stages[1])
          .chunk_size(ChunkSize::from_bytes(kChunk))
          .runtime(runtime)
          .build()
          .process(Source::memory(plain), Sink::memory(sealed));
      calls.before = 0;
      forced = restores;
      restore(Source::memory(sealed), Sink::memory(back),
              {.registry = registry_of(stages), .runtime = runtime});
      CHECK(back == plain);
      CHECK(calls.most_inside == limit);
    }
}

TEST_CASE("a stage may itself process on the same Runtime, even with one worker") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = compressible_bytes(40 * kChunk, 1);
  for (const std::size_t workers : {1u, 2u, 8u}) {
    const Runtime runtime({.worker_threads = workers});
    const Pipeline inner = pipeline_on(runtime, zstd());
    const auto stage = make_stage("test.nests", [&](const ChunkInfo&, auto in, auto&) {
      Bytes sealed, back;
      inner.process(Source::memory(in), Sink::memory(sealed));
      restore(Source::memory(sealed), Sink::memory(back), {.runtime = runtime});
      if (!std::equal(in.begin(), in.end(), back.begin(), back.end()))
        throw Error(errc::stage_failed, "the inner round trip is wrong");
      return Outcome::unchanged;
    });
    Bytes sealed;
    const Report report =
        pipeline_on(runtime, stage).process(Source::memory(plain), Sink::memory(sealed));
    CHECK(report.stages.at(0).chunks_unchanged == 40);
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE(
    "a stage may wait for operations that it started on the same Runtime, even the only one") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = compressible_bytes(40 * kChunk, 1);
  for (const std::size_t workers : {1u, 2u, 8u}) {
    const Runtime runtime({.worker_threads = workers});
    const Pipeline inner = pipeline_on(runtime, zstd());
    const auto stage = make_stage("test.waits", [&](const ChunkInfo&, auto in, auto&) {
      Bytes one, two;
      Operation first = inner.start(Source::memory(in), Sink::memory(one));
      Operation second = inner.start(Source::memory(in), Sink::memory(two));
      if (second.get().input_bytes != in.size() || first.get().input_bytes != in.size())
        throw Error(errc::stage_failed, "the inner operations are wrong");
      return Outcome::unchanged;
    });
    Bytes sealed;
    const Report report =
        pipeline_on(runtime, stage).process(Source::memory(plain), Sink::memory(sealed));
    CHECK(report.stages.at(0).chunks_unchanged == 40);
  }
}

TEST_CASE("a stage may wait for an operation whose graph its own worker takes down") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const Bytes few = random_bytes(8 * kChunk, 1);
  const Runtime runtime({.worker_threads = 2});
  for (int round = 0; round < 3000; ++round) {
    Bytes one, two;
    const Operation other =
        pipeline_on(runtime, xor_stage()).start(Source::memory(few), Sink::memory(one));
    const auto stage = make_stage("test.waits", [&](const ChunkInfo&, auto, auto&) {
      other.wait();
      return Outcome::unchanged;
    });
    pipeline_on(runtime, stage).process(Source::memory(few), Sink::memory(two));
  }
  CHECK(runtime.memory_in_use_bytes() == 0);
}

TEST_CASE("a stage may run parallel loops, and is not entered again on top of itself") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(200 * kChunk, 1);
  static thread_local int depth = 0;
  std::atomic<bool> nested{false};
  const auto stage = make_stage("test.loops", [&](const ChunkInfo&, auto in, auto& out) {
    if (++depth != 1) nested = true;
    std::atomic<unsigned> sum{0};
    oneapi::tbb::parallel_for(std::size_t{0}, in.size(),
                              [&](std::size_t i) { sum += static_cast<unsigned>(in[i]); });
    --depth;
    return xor_bytes(in, out, std::byte{1});
  });
  Bytes sealed;
  pipeline_on(Runtime({.worker_threads = 4}), stage)
      .process(Source::memory(plain), Sink::memory(sealed));
  CHECK_FALSE(nested);
}

TEST_CASE("a host inside its own parallel loop, with a lock held, is neither entered nor stuck") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = compressible_bytes(10 * kChunk, 1);
  const Runtime runtime({.worker_threads = 2});
  const Pipeline pipeline = pipeline_on(runtime, zstd());
  std::mutex host_lock;
  std::atomic<int> done{0};
  oneapi::tbb::parallel_for(0, 64, [&](int) {
    const std::lock_guard lock(host_lock);
    Bytes sealed;
    pipeline.process(Source::memory(plain), Sink::memory(sealed));
    ++done;
  });
  CHECK(done == 64);
}

TEST_CASE("an operation completes where the host allows oneTBB one thread") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const oneapi::tbb::global_control one(oneapi::tbb::global_control::max_allowed_parallelism, 1);
  const Bytes plain = compressible_bytes(50 * kChunk, 1);
  for (int round = 0; round < 20; ++round) {
    Bytes sealed;
    pipeline_on(Runtime({.worker_threads = 2}), zstd())
        .process(Source::memory(plain), Sink::memory(sealed));
    CHECK_FALSE(sealed.empty());
  }
}

TEST_CASE("a source that waits does not hold up a neighbour") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Runtime runtime({.worker_threads = 1});
  const Bytes plain = random_bytes(20 * kChunk, 1);
  for (const bool stream : {true, false}) {
    Door door;
    SinkFate fate;
    const BeforeCall wait = [&door](std::size_t) { door.wait(); };
    std::unique_ptr<SourceImpl> source;
    if (stream)
      source = std::make_unique<HookedStream>(plain, wait);
    else
      source = std::make_unique<HookedSource>(plain, true, wait);
    const Pipeline pipeline = pipeline_on(runtime, xor_stage());
    const Operation waiting =
        pipeline.start(std::move(source), Sink(std::make_unique<HookedSink>(fate, BeforeCall())));
    door.until_someone_waits();
    for (int i = 0; i < 20; ++i) {  // the neighbour, on the only worker
      Bytes sealed;
      pipeline.process(Source::memory(plain), Sink::memory(sealed));
    }
    CHECK_FALSE(waiting.wait_for(std::chrono::nanoseconds(0)));
    door.open();
    CHECK(waiting.get().chunks == 20);
  }
}

TEST_CASE("thousands of small operations, one after the other") {
  const Watchdog watchdog(std::chrono::seconds(240));
  for (const std::size_t workers : {1u, 3u}) {
    const Runtime runtime({.worker_threads = workers});
    const Pipeline pipeline = pipeline_on(runtime, xor_stage());
    for (std::size_t i = 0; i < 3000; ++i) {
      const Bytes plain = random_bytes(i % (3 * kChunk), i);
      Bytes sealed;
      const Report report = pipeline.process(Source::memory(plain), Sink::memory(sealed));
      REQUIRE(report.input_bytes == plain.size());
    }
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("a Runtime may end as soon as its last operation has") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(kChunk, 1);
  for (std::size_t i = 0; i < 300; ++i) {
    const Runtime runtime({.worker_threads = 1 + i % 2});
    Bytes sealed;
    CHECK(pipeline_on(runtime, xor_stage())
              .process(Source::memory(plain), Sink::memory(sealed))
              .chunks == 1);
  }
}

}  // namespace adapipe
