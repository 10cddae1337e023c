// The concurrency model, part by part, continued: what is limited, and what cannot go wrong.

#include <adapipe/adapipe.hpp>
#include <adapipe/concurrency.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/crowd.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"
#include "util/machine.hpp"

namespace adapipe {

using namespace testing;

namespace {

const ChunkSize kChunkSize = ChunkSize::from_bytes(kChunk);

/// Counts the threads that are in it at once.
std::shared_ptr<const Stage> crowded_stage(Crowd& crowd, std::size_t max_concurrency = 0) {
  return make_stage("test.crowded",
                    [&crowd](const ChunkInfo&, auto, auto&) {
                      crowd.enter();
                      std::this_thread::yield();
                      crowd.leave();
                      return Outcome::unchanged;
                    },
                    {.max_concurrency = max_concurrency});
}

std::size_t threads_of_this_process() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

}  // namespace

TEST_CASE("resource limits: `max_parallel_chunks(chunk_size)`") {
  const Watchdog watchdog;
  const Bytes plain = compressible_bytes(20 * kChunk, 1);
  const Pipeline pipeline = pipeline_on(Runtime({.worker_threads = 2}), zstd({.level = 9}));
  ResourceLimits limits{.memory_bytes = 10'000'000, .tasks = 1000, .file_handles = 1000};
  const std::size_t chunks = limits.max_parallel_chunks(kChunkSize, pipeline);
  const Report report = pipeline.process(Source::memory(plain), Sink::discard(),
                                         {.max_in_flight = std::min<std::size_t>(chunks, 20)});
  CHECK(report.peak_buffer_bytes <= limits.memory_bytes);  // contexts and all
  CHECK(pipeline.bytes_in_flight(kChunkSize, chunks + 1) > limits.memory_bytes);
  limits.tasks = 7;
  CHECK(limits.max_parallel_chunks(kChunkSize, pipeline) == 7);
  limits.file_handles = 3;
  CHECK(limits.max_parallel_chunks(kChunkSize, pipeline) == 3);
}

TEST_CASE("resource tracker with guards") {
  ResourceTracker tracker({.memory_bytes = 100, .tasks = 2, .file_handles = 1});
  WorkerPool pool(1, Runtime({.worker_threads = 1}));
  auto guard = tracker.try_acquire(Resource::tasks, 2);
  REQUIRE(guard);
  CHECK_FALSE(tracker.try_acquire(Resource::tasks));
  // It goes where the work goes, and is given back when that is done.
  pool.execute([held = std::move(*guard)] { return held.amount(); }).get();
  CHECK(tracker.in_use(Resource::tasks) == 0);
  CHECK(tracker.peak(Resource::tasks) == 2);
}

TEST_CASE("two levels: global tokens over all files, local limit per file") {
  const Watchdog watchdog;
  const Bytes plain = random_bytes(40 * kChunk, 1);
  const Runtime runtime({.worker_threads = 2, .memory_bytes = 1 << 20});
  Crowd over_all;
  std::vector<std::unique_ptr<Crowd>> of_files;
  SinkFate fate;
  std::vector<Operation> files;
  for (int i = 0; i < 10; ++i) {
    Crowd& own = *of_files.emplace_back(std::make_unique<Crowd>());
    // A file's chunk is in flight from when it is read until it is written.
    files.push_back(pipeline_on(runtime, crowded_stage(over_all))
                        .start(Source(std::make_unique<HookedSource>(
                                   plain, false, [&own](std::size_t) { own.enter(); })),
                               Sink(std::make_unique<HookedStreamSink>(fate,
                                                                       [&own](std::size_t call) {
                                                                         if (call >= 1 &&
                                                                             call <= 40)
                                                                           own.leave();
                                                                       })),
                               {.max_in_flight = 8}));
  }
  when_all(std::move(files)).wait();
  CHECK(over_all.most() <= 2);
  for (const auto& own : of_files) {
    CHECK(own->most() <= 8);
    CHECK(own->inside() == 0);
  }
}

TEST_CASE("mutex, rwlock, semaphore, channels") {
  const Watchdog watchdog;
  const Bytes plain = compressible_bytes(60 * kChunk, 1);
  const Runtime runtime({.worker_threads = 4});

  Crowd crowd;  // a stage's limit is a semaphore that no worker waits at
  pipeline_on(runtime, crowded_stage(crowd, 2)).process(Source::memory(plain), Sink::discard());
  CHECK(crowd.most() <= 2);

  Bytes sealed;
  pipeline_on(runtime, zstd()).process(Source::memory(plain), Sink::memory(sealed));
  std::latch all_reading(4);  // readers share a Reader
  const Reader reader = Reader::open(Source::memory(sealed), {.runtime = runtime});
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 4; ++i)
      threads.emplace_back([&, i] {
        Bytes page(kChunk);
        all_reading.arrive_and_wait();
        reader.read_at(i * 15 * kChunk, page);
        const auto expected = plain.begin() + static_cast<std::ptrdiff_t>(i * 15 * kChunk);
        if (std::equal(page.begin(), page.end(), expected)) ++right;
      });
  }
  CHECK(right == 4);

  Door door;  // a Writer is a channel: bounded, one thread at each end
  SinkFate fate;
  Writer writer(pipeline_on(runtime, xor_stage()),
                Sink(std::make_unique<HookedStreamSink>(fate, [&](std::size_t) { door.wait(); })),
                {.max_in_flight = 2});
  std::size_t sent = writer.try_write(plain);
  CHECK(sent <= 3 * kChunk);
  door.open();
  writer.write(std::span(plain).subspan(sent));
  CHECK(writer.finish().input_bytes == plain.size());
}

TEST_CASE("channel backpressure") {
  const Watchdog watchdog;
  const Bytes plain = random_bytes(100 * kChunk, 1);
  const Runtime runtime({.worker_threads = 4});
  constexpr std::size_t kInFlight = 5;
  std::atomic<std::size_t> reads{0};
  std::atomic<std::size_t> furthest_ahead{0};
  std::atomic<std::size_t> most_bytes{0};
  SinkFate fate;
  const auto write_slowly = [&](std::size_t call) {
    if (call < 1 || call > 100) return;  // the header, the index
    std::this_thread::yield();
    furthest_ahead = std::max<std::size_t>(furthest_ahead, reads - (call - 1));
    most_bytes = std::max<std::size_t>(most_bytes, runtime.memory_in_use_bytes());
  };
  const Pipeline pipeline = pipeline_on(runtime, xor_stage());
  pipeline.process(Source(std::make_unique<HookedStream>(plain, [&](std::size_t) { ++reads; })),
                   Sink(std::make_unique<HookedStreamSink>(fate, write_slowly)),
                   {.max_in_flight = kInFlight});
  CHECK(furthest_ahead <= kInFlight);
  CHECK(most_bytes == pipeline.bytes_in_flight(kChunkSize, kInFlight));
}

TEST_CASE("choosing a concurrency level") {
  const Watchdog watchdog;
  const Runtime runtime({.worker_threads = 8});
  const Pipeline pipeline = pipeline_on(runtime, zstd());
  const std::size_t cpus = usable_cpus();
  for (const std::size_t chunks : {1u, 2u, 1000u}) {
    const Bytes plain = compressible_bytes(chunks * kChunk, 1);
    const std::size_t level =
        optimal_concurrency(plain.size(), kChunkSize, runtime.memory_bytes(), pipeline);
    CHECK(level == std::min(chunks, 2 * cpus));
    CHECK(pipeline.process(Source::memory(plain), Sink::discard(), {.max_in_flight = level})
              .max_in_flight == level);
  }
}

TEST_CASE("avoiding contention") {
  const Watchdog watchdog;
  /// Counts without a lock: nobody else ever has the same worker.
  struct Counting final : Stage {
    explicit Counting(std::atomic<std::size_t>& m) : made(m) {}
    StageInfo info() const override { return {.id = "test.counting"}; }
    std::unique_ptr<StageWorker> make_worker(Direction) const override {
      struct Worker final : StageWorker {
        Outcome run(const ChunkInfo&, std::span<const std::byte>, Buffer&) override {
          ++calls;
          return Outcome::unchanged;
        }
        std::size_t calls = 0;
      };
      ++made;
      return std::make_unique<Worker>();
    }
    std::atomic<std::size_t>& made;
  };
  std::atomic<std::size_t> workers_made{0};
  const Bytes plain = random_bytes(500 * kChunk, 1);
  const Report report =
      pipeline_on(Runtime({.worker_threads = 4}), std::make_shared<Counting>(workers_made))
          .process(Source::memory(plain), Sink::discard());
  CHECK(workers_made <= 4);                             // one a thread, not one a chunk
  CHECK(report.stages.at(0).bytes_in == plain.size());  // the sum of what each has counted
  CHECK(report.stages.at(0).chunks_unchanged == 500);
}

TEST_CASE("error handling with clean-up") {
  const Watchdog watchdog;
  const Bytes plain = random_bytes(50 * kChunk, 1);
  for (const bool serial : {false, true}) {
    const Runtime runtime = serial ? Runtime::serial() : Runtime({.worker_threads = 4});
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> look = held;
    SinkFate fate;
    const auto fails = make_stage("test.fails", [](const ChunkInfo& chunk, auto, auto&) {
      if (chunk.index == 20) throw std::runtime_error("no luck");
      return Outcome::unchanged;
    });
    const Operation operation =
        pipeline_on(runtime, fails)
            .start(Source(std::make_unique<HookedStream>(plain, [held](std::size_t) {})),
                   Sink(std::make_unique<HookedStreamSink>(fate, BeforeCall())));
    held.reset();
    const Error error = thrown_by([&] { operation.get(); });
    CHECK(error.kind() == errc::stage_failed);
    CHECK(error.chunk() == 20);
    CHECK(fate.abandoned == 1);
    CHECK(fate.committed == 0);
    CHECK(look.expired());
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("troubles: too many tasks") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(20 * kChunk, 1);
  const Runtime runtime({.worker_threads = 2, .io_threads = 4, .max_concurrent_operations = 3});
  const std::size_t threads_before = threads_of_this_process();
  Crowd crowd;
  const Pipeline pipeline = pipeline_on(runtime, crowded_stage(crowd));
  std::vector<Operation> operations;
  for (int i = 0; i < 300; ++i)
    operations.push_back(
        pipeline.start(Source::memory(plain), Sink::discard(), {.max_in_flight = 1000}));
  WorkerPool pool(1000, runtime);
  std::vector<std::future<void>> tasks;
  for (int i = 0; i < 1000; ++i)
    tasks.push_back(pool.execute([&crowd] {
      crowd.enter();
      crowd.leave();
    }));
  CHECK(threads_of_this_process() <= threads_before + 4);
  for (const Operation& operation : operations) CHECK(operation.get().chunks == 20);
  for (auto& task : tasks) task.get();
  CHECK(crowd.most() <= 2);
}

TEST_CASE("troubles: deadlock") {
  const Watchdog watchdog;
  const Bytes plain = random_bytes(5 * kChunk, 1);
  const Runtime runtime({.worker_threads = 1, .max_concurrent_operations = 2});
  WorkerPool pool(1, runtime);
  const Pipeline inner = pipeline_on(runtime, xor_stage());
  // The only worker waits for itself in every way there is.
  const auto waits = make_stage("test.waits", [&](const ChunkInfo&, auto in, auto&) {
    inner.process(Source::memory(in), Sink::discard());
    const Operation started = inner.start(Source::memory(in), Sink::discard());
    pool.execute([&] {
          inner.process(Source::memory(in), Sink::discard());
          pool.execute([] {}).get();
        })
        .get();
    started.wait();
    return Outcome::unchanged;
  });
  CHECK(pipeline_on(runtime, waits).process(Source::memory(plain), Sink::discard()).chunks == 5);
}

TEST_CASE("troubles: producer overwhelms consumer") {
  const Watchdog watchdog;
  const Runtime runtime({.worker_threads = 2});
  const Pipeline pipeline = pipeline_on(runtime, xor_stage());
  Door door;
  SinkFate fate;
  Writer writer(pipeline,
                Sink(std::make_unique<HookedStreamSink>(fate, [&](std::size_t) { door.wait(); })),
                {.max_in_flight = 4});
  const Bytes block = random_bytes(kChunk, 1);
  std::size_t taken = 0;
  // It gives as fast as it can, and the consumer takes nothing.
  for (int i = 0; i < 10'000; ++i) taken += writer.try_write(block);
  CHECK(taken <= 5 * kChunk);
  CHECK(runtime.memory_in_use_bytes() <= pipeline.bytes_in_flight(kChunkSize, 4));
  door.open();
  CHECK(writer.finish().input_bytes == taken);
}

}  // namespace adapipe
