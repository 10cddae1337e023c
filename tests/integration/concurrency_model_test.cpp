// The concurrency model, part by part: each test has the part's name, and forces the interleaving
// that shows it. More on each part is in the tests of what it is made of.

#include <pthread.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/concurrency.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/crowd.hpp"
#include "support/endpoints.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"
#include "util/machine.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
const ChunkSize kChunkSize = ChunkSize::from_bytes(kChunk);

Pipeline pipeline_on(const Runtime& runtime, std::vector<std::shared_ptr<const Stage>> stages) {
  Pipeline::Builder builder;
  for (auto& stage : stages) builder.add(std::move(stage));
  return builder.chunk_size(kChunkSize).runtime(runtime).build();
}

/// Looks at each chunk, and changes nothing.
std::shared_ptr<const Stage> looking_stage(std::function<void(std::uint64_t chunk)> look,
                                           std::size_t max_concurrency = 0) {
  return make_stage("test.looks",
                    [look](const ChunkInfo& chunk, auto, auto&) {
                      look(chunk.index);
                      return Outcome::unchanged;
                    },
                    {.max_concurrency = max_concurrency});
}

Source stream_of(const Bytes& bytes, BeforeCall before) {
  return Source(std::make_unique<HookedStream>(bytes, std::move(before)));
}
Source positional(const Bytes& bytes, BeforeCall before, std::function<void()> on_cancel = {}) {
  return Source(
      std::make_unique<HookedSource>(bytes, false, std::move(before), std::move(on_cancel)));
}
Sink stream_into(SinkFate& fate, BeforeCall before) {
  return Sink(std::make_unique<HookedStreamSink>(fate, std::move(before)));
}

std::string this_threads_name() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

}  // namespace

TEST_CASE("async layer for I/O, sync layer for CPU") {
  const Watchdog watchdog;
  const Runtime runtime({.worker_threads = 1, .thread_name = "mine"});
  const Bytes plain = random_bytes(3 * kChunk, 1);
  Door door;
  std::string reader, worker;
  const Operation waiting =
      pipeline_on(runtime, {looking_stage([&](std::uint64_t) { worker = this_threads_name(); })})
          .start(stream_of(plain,
                           [&](std::size_t) {
                             reader = this_threads_name();
                             door.wait();
                           }),
                 Sink::discard());
  door.until_someone_waits();  // which is not the only worker:
  CHECK(
      pipeline_on(runtime, {xor_stage()}).process(Source::memory(plain), Sink::discard()).chunks ==
      3);
  door.open();
  waiting.get();
  CHECK(reader == "mine-io");
  CHECK(worker == "mine-cpu");
}

TEST_CASE("async functions, parallel awaits") {
  const Watchdog watchdog;
  const Runtime runtime({.worker_threads = 1});
  const Bytes plain = random_bytes(kChunk, 1);
  const Pipeline pipeline = pipeline_on(runtime, {xor_stage()});
  std::latch all_started(3);
  const auto start = [&] {
    return pipeline.start(stream_of(plain,
                                    [&](std::size_t call) {
                                      if (call == 0) all_started.arrive_and_wait();
                                    }),
                          Sink::discard());
  };
  CHECK(when_all(start(), start(), start()).get().size() == 3);
}

TEST_CASE("file I/O service trait") {
  const Watchdog watchdog;
  /// A host's own place for bytes, behind both interfaces.
  struct Store final : PositionalSinkImpl {
    explicit Store(Bytes& to) : bytes(to) {}
    void write_at(std::uint64_t offset, std::span<const std::byte> from) override {
      const std::lock_guard lock(mutex);
      bytes.resize(std::max<std::size_t>(bytes.size(), offset + from.size()));
      std::copy(from.begin(), from.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    void commit() override {}
    void abandon() noexcept override {}
    std::mutex mutex;
    Bytes& bytes;
  };
  const Runtime runtime({.worker_threads = 2});
  const Bytes plain = compressible_bytes(20 * kChunk + 1, 1);
  Bytes sealed, back;
  pipeline_on(runtime, {zstd()})
      .process(positional(plain, BeforeCall()), Sink(std::make_unique<Store>(sealed)));
  restore(positional(sealed, BeforeCall()), Sink(std::make_unique<Store>(back)),
          {.runtime = runtime});
  CHECK(back == plain);
}

TEST_CASE("multi-thread runtime with workers, name, stack size") {
  const Watchdog watchdog;
  constexpr std::size_t kStack = std::size_t{16} << 20;  // more than any default
  const Runtime runtime({.worker_threads = 2, .thread_name = "mine", .stack_bytes = kStack});
  std::latch both(2);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::set<std::string> names;
  std::atomic<bool> stacks_fit{true};
  const auto look = looking_stage([&](std::uint64_t) {
    pthread_attr_t attributes;
    std::size_t stack = 0;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &stack);
    pthread_attr_destroy(&attributes);
    if (stack < kStack - 64 * 1024) stacks_fit = false;
    {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
      names.insert(this_threads_name());
    }
    both.arrive_and_wait();
  });
  const Bytes plain = random_bytes(2 * kChunk, 1);
  pipeline_on(runtime, {look}).process(Source::memory(plain), Sink::discard());
  CHECK(threads.size() == 2);
  CHECK(names == std::set<std::string>{"mine-cpu"});
  CHECK(stacks_fit);
}

TEST_CASE("current-thread runtime for tests") {
  const Bytes plain = random_bytes(2 * kChunk, 1);
  SinkFate fate;
  std::vector<std::string> log;  // without a lock
  const auto note = [&log](const std::string& what) { log.push_back(what); };
  pipeline_on(Runtime::serial(), {looking_stage([&](std::uint64_t) { note("stage"); })})
      .process(stream_of(plain, [&](std::size_t) { note("read"); }),
               stream_into(fate, [&](std::size_t) { note("write"); }));
  const std::vector<std::string> expected = {"write",                    // the header
                                             "read",  "stage", "write",  // chunk after chunk
                                             "read",  "stage", "write",  //
                                             "read",  "write"};          // the end, the index
  CHECK(log == expected);
}

TEST_CASE("work-stealing scheduler") {
  const Watchdog watchdog;
  const Bytes plain = random_bytes(40 * kChunk, 1);
  Tally others;
  const auto stage = looking_stage([&](std::uint64_t chunk) {
    if (chunk == 0) return others.wait_for(39);  // this worker is stuck until they are done
    others.add();
  });
  pipeline_on(Runtime({.worker_threads = 2}), {stage})
      .process(Source::memory(plain), Sink::discard(), {.max_in_flight = 40});
  CHECK(others.count() == 39);
}

TEST_CASE("parallel chunk processing, fan-out / fan-in") {
  const Watchdog watchdog;
  const Runtime runtime({.worker_threads = 4});
  const Bytes plain = random_bytes(4 * kChunk, 1);
  std::latch all_inside(4);
  Bytes out;
  Pipeline::Builder()
      .add(looking_stage([&](std::uint64_t) { all_inside.arrive_and_wait(); }))
      .chunk_size(kChunkSize)
      .container(Container::none)
      .runtime(runtime)
      .build()
      .process(Source::memory(plain), Sink::memory(out));
  CHECK(out == plain);  // joined in order

  Door failed;  // opened by the stop that the first error brings
  const auto fails = looking_stage([&](std::uint64_t chunk) {
    if (chunk == 1) failed.wait();
    if (chunk == 1 || chunk == 2) throw std::runtime_error("no luck");
  });
  const Error error = thrown_by([&] {
    pipeline_on(runtime, {fails})
        .process(positional(plain, BeforeCall(), [&failed] { failed.open(); }), Sink::discard());
  });
  CHECK(error.kind() == errc::stage_failed);
  CHECK(error.chunk() == 2);  // the first in time wins
}

TEST_CASE("bounded parallelism") {
  const Watchdog watchdog;
  const Bytes plain = random_bytes(100 * kChunk, 1);
  Crowd in_flight;
  SinkFate fate;
  Tally reads;
  const auto read = [&](std::size_t) {
    in_flight.enter();
    reads.add();
  };
  const auto write = [&](std::size_t call) {
    if (call == 1) reads.wait_for(3);  // the first chunk goes when all that may have come
    if (call >= 1 && call <= 100) in_flight.leave();
  };
  pipeline_on(Runtime({.worker_threads = 8}), {xor_stage()})
      .process(positional(plain, read), stream_into(fate, write), {.max_in_flight = 3});
  CHECK(in_flight.most() == 3);
  CHECK(in_flight.inside() == 0);
}

TEST_CASE("pipeline parallelism, stages overlap") {
  const Watchdog watchdog;
  const Bytes plain = random_bytes(6 * kChunk, 1);
  std::latch at_once(3);  // a chunk in each of the stages, and one being read
  const auto first = looking_stage(
      [&](std::uint64_t chunk) {
        if (chunk == 1) at_once.arrive_and_wait();
      },
      1);
  const auto second = looking_stage(
      [&](std::uint64_t chunk) {
        if (chunk == 0) at_once.arrive_and_wait();
      },
      1);
  const auto read = [&](std::size_t call) {
    if (call == 2) at_once.arrive_and_wait();
  };
  CHECK(pipeline_on(Runtime({.worker_threads = 3}), {first, second})
            .process(stream_of(plain, read), Sink::discard())
            .chunks == 6);
}

TEST_CASE("worker pool with `execute`") {
  const Watchdog watchdog;
  WorkerPool pool(2, Runtime({.worker_threads = 4}));
  Crowd crowd;
  std::latch two_inside(2);
  std::vector<std::future<std::size_t>> results;
  for (std::size_t i = 0; i < 20; ++i)
    results.push_back(pool.execute([&, i] {
      crowd.enter();
      if (i < 2) two_inside.arrive_and_wait();
      crowd.leave();
      if (i == 7) throw std::runtime_error("seven");
      return i;
    }));
  for (std::size_t i = 0; i < 20; ++i) {
    if (i == 7)
      CHECK_THROWS_WITH(results[i].get(), "seven");
    else
      CHECK(results[i].get() == i);
  }
  CHECK(crowd.most() == 2);
}

TEST_CASE("adaptive worker count") {
  const std::size_t cpus = usable_cpus();
  CHECK(optimal_worker_count(Workload::io_bound) == 2 * cpus);
  CHECK(optimal_worker_count(Workload::cpu_bound) == cpus);
  CHECK(optimal_worker_count(Workload::mixed) == (3 * cpus + 1) / 2);
}

}  // namespace adapipe
