#include <sched.h>
#include <sys/resource.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/concurrency.hpp>
#include <atomic>
#include <future>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/watchdog.hpp"
#include "util/machine.hpp"

namespace adapipe {

using namespace testing;

namespace {

const ChunkSize kChunk = ChunkSize::from_bytes(4096);

}  // namespace

TEST_CASE("worker counts follow the CPUs that the process may use, not those of the machine") {
  const std::size_t cpus = usable_cpus();
  CHECK(optimal_worker_count(Workload::cpu_bound) == cpus);
  CHECK(optimal_worker_count(Workload::io_bound) == 2 * cpus);
  CHECK(optimal_worker_count(Workload::mixed) == (3 * cpus + 1) / 2);
  auto on_one_cpu = std::async(std::launch::async, [] {  // the mask is the thread's
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
    sched_setaffinity(0, sizeof one, &one);
    return std::vector{optimal_worker_count(Workload::cpu_bound),
                       optimal_worker_count(Workload::io_bound),
                       optimal_worker_count(Workload::mixed), Runtime().worker_threads()};
  });
  CHECK(on_one_cpu.get() == std::vector<std::size_t>{1, 2, 2, 1});
}

TEST_CASE("concurrency is what the input, the memory and the CPUs allow, and at least one") {
  const std::size_t most = 2 * usable_cpus();
  const std::size_t plenty = std::size_t{1} << 40;
  const std::uint64_t chunk = kChunk.bytes();
  struct {
    std::uint64_t input_bytes;
    std::size_t memory_bytes;
    std::size_t expected;
  } const rows[] = {
      {1'000'000 * chunk, plenty, most},
      {0, plenty, 1},
      {1, plenty, 1},
      {chunk + 1, plenty, 2},
      {UINT64_MAX, plenty, most},
      {1'000'000 * chunk, 0, 1},
      {1'000'000 * chunk, 4 * chunk, 2},
      {1'000'000 * chunk, 4 * chunk - 1, 1},
  };
  for (const auto& row : rows) {
    INFO(row.input_bytes << " bytes, " << row.memory_bytes << " of memory");
    CHECK(optimal_concurrency(row.input_bytes, kChunk, row.memory_bytes) == row.expected);
  }
  const Pipeline pipeline = Pipeline::Builder().add(zstd({.level = 19})).build();
  const std::size_t two = pipeline.bytes_in_flight(kChunk, 2);
  CHECK(optimal_concurrency(UINT64_MAX, kChunk, two, pipeline) == 2);
  CHECK(optimal_concurrency(UINT64_MAX, kChunk, two - 1, pipeline) == 1);
}

TEST_CASE("bytes in flight are what an operation takes of the budget, for every pipeline") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(40 * kChunk.bytes(), 1);
  for (const std::size_t workers : {1u, 2u, 8u}) {
    const Runtime runtime({.worker_threads = workers});
    for (const NamedPipeline& kind : pipeline_kinds(key)) {
      INFO(kind.name << ", " << workers << " workers");
      const Pipeline pipeline = kind.build(kChunk.bytes(), runtime);
      for (const std::size_t in_flight : {1u, 2u, 7u}) {
        const Report report =
            pipeline.process(Source::memory(plain), Sink::discard(), {.max_in_flight = in_flight});
        CHECK(report.max_in_flight == in_flight);
        CHECK(pipeline.bytes_in_flight(kChunk, in_flight) == report.peak_buffer_bytes);
      }
    }
  }
  const Pipeline bare = Pipeline::Builder().build();
  CHECK(bare.bytes_in_flight(kChunk, SIZE_MAX) == SIZE_MAX);
}

TEST_CASE("max_parallel_chunks is the least of memory, tasks and file handles") {
  for (const std::size_t workers : {1u, 3u}) {
    const Pipeline pipeline = Pipeline::Builder()
                                  .add(zstd({.level = 9}))
                                  .runtime(Runtime({.worker_threads = workers}))
                                  .build();
    for (const std::size_t chunks : {1u, 2u, 3u, 4u, 50u}) {
      INFO(workers << " workers, " << chunks << " chunks");
      ResourceLimits limits{.memory_bytes = pipeline.bytes_in_flight(kChunk, chunks),
                            .tasks = 1000,
                            .file_handles = SIZE_MAX};
      CHECK(limits.max_parallel_chunks(kChunk, pipeline) == chunks);
      limits.memory_bytes -= 1;
      CHECK(limits.max_parallel_chunks(kChunk, pipeline) == chunks - 1);
    }
    ResourceLimits limits{.memory_bytes = SIZE_MAX, .tasks = 5, .file_handles = 9};
    CHECK(limits.max_parallel_chunks(kChunk, pipeline) == 5);
    limits.file_handles = 4;
    CHECK(limits.max_parallel_chunks(kChunk, pipeline) == 4);
  }
}

TEST_CASE("the limits are the machine's unless they are given") {
  const ResourceLimits machine;
  CHECK(machine.memory_bytes == Runtime::serial().memory_bytes());
  CHECK(machine.tasks == optimal_worker_count(Workload::io_bound));
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(machine.file_handles == limit.rlim_cur);
  const ResourceLimits given{.tasks = 3};
  CHECK(given.tasks == 3);
  CHECK(given.memory_bytes == machine.memory_bytes);
}

TEST_CASE("a guard counts what it holds, and gives it back once, at the end of its scope") {
  ResourceTracker tracker({.memory_bytes = 1000, .tasks = 2, .file_handles = 0});
  CHECK(tracker.limit(Resource::memory_bytes) == 1000);
  {
    auto first = tracker.try_acquire(Resource::memory_bytes, 600);
    REQUIRE(first);
    CHECK(first->amount() == 600);
    CHECK_FALSE(tracker.try_acquire(Resource::memory_bytes, 401));
    CHECK_FALSE(tracker.try_acquire(Resource::memory_bytes, SIZE_MAX));
    auto rest = tracker.try_acquire(Resource::memory_bytes, 400);
    REQUIRE(rest);
    CHECK(tracker.in_use(Resource::memory_bytes) == 1000);

    ResourceTracker::Guard moved(std::move(*first));
    CHECK(first->amount() == 0);
    first.reset();
    CHECK(tracker.in_use(Resource::memory_bytes) == 1000);
    moved = std::move(*rest);  // gives back the 600
    CHECK(moved.amount() == 400);
    CHECK(tracker.in_use(Resource::memory_bytes) == 400);
    moved.release();
    moved.release();
    CHECK(moved.amount() == 0);
    CHECK(tracker.in_use(Resource::memory_bytes) == 0);

    const auto task = tracker.try_acquire(Resource::tasks);
    CHECK(tracker.in_use(Resource::tasks) == 1);
    CHECK(tracker.in_use(Resource::file_handles) == 0);
    CHECK_FALSE(tracker.try_acquire(Resource::file_handles));
  }
  CHECK(tracker.in_use(Resource::tasks) == 0);
  CHECK(tracker.try_acquire(Resource::memory_bytes, 1));
  CHECK(tracker.peak(Resource::memory_bytes) == 1000);
  CHECK(tracker.peak(Resource::tasks) == 1);
  CHECK(tracker.peak(Resource::file_handles) == 0);
}

TEST_CASE("many threads acquire and give back, never more than there is, and all comes back") {
  const Watchdog watchdog(std::chrono::seconds(60));
  constexpr std::size_t kTasks = 3;
  ResourceTracker tracker({.memory_bytes = 100, .tasks = kTasks, .file_handles = 1});
  std::atomic<std::size_t> inside{0};
  std::atomic<bool> too_many{false};
  {
    std::latch together(8);
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < 8; ++thread)
      threads.emplace_back([&, thread] {
        together.arrive_and_wait();
        for (int i = 0; i < 20'000; ++i) {
          const auto task = tracker.try_acquire(Resource::tasks);
          if (!task) continue;
          if (++inside > kTasks) too_many = true;
          const auto memory = tracker.try_acquire(Resource::memory_bytes, 30 + thread);
          if (memory && tracker.in_use(Resource::memory_bytes) > 100) too_many = true;
          --inside;
        }
      });
  }
  CHECK_FALSE(too_many);
  CHECK(tracker.in_use(Resource::tasks) == 0);
  CHECK(tracker.in_use(Resource::memory_bytes) == 0);
  CHECK(tracker.peak(Resource::tasks) <= kTasks);
  CHECK(tracker.peak(Resource::memory_bytes) <= 100);
}

}  // namespace adapipe
