#include <oneapi/tbb/parallel_for.h>
#include <sys/wait.h>
#include <unistd.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/concurrency.hpp>
#include <adapipe/error.hpp>
#include <atomic>
#include <latch>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "graph/runtime_impl.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/crowd.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

/// A stage that executes `job` for each chunk and waits for it.
std::shared_ptr<const Stage> executing_stage(WorkerPool& pool, std::function<void()> job) {
  return make_stage("test.executes", [&pool, job](const ChunkInfo&, auto, auto&) {
    pool.execute(job).get();
    return Outcome::unchanged;
  });
}

}  // namespace

TEST_CASE("what a callable returns or throws comes out of its future, on every runtime") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    WorkerPool pool(3, runtime);
    CHECK(pool.max_workers() == 3);
    int number = 0;
    CHECK(pool.execute([] { return 42; }).get() == 42);
    CHECK(&pool.execute([&]() -> int& { return number; }).get() == &number);
    pool.execute([&] { number = 7; }).get();
    CHECK(number == 7);
    auto made = pool.execute(
        [from = std::make_unique<int>(5)]() mutable { return std::make_unique<int>(*from + 1); });
    CHECK(*made.get() == 6);
    auto failing = pool.execute([]() -> int { throw std::runtime_error("no luck"); });
    CHECK_THROWS_WITH(failing.get(), "no luck");
    CHECK(pool.execute([] { return 1; }).get() == 1);
  }
}

TEST_CASE("a pool without workers is refused") {
  CHECK(thrown_kind([] { WorkerPool(0, Runtime::serial()); }) == errc::invalid_argument);
}

TEST_CASE("callables run on workers of the Runtime, and the pool adds no thread") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 2});
  WorkerPool pool(8, runtime);
  for (int i = 0; i < 100; ++i)
    CHECK(pool.execute([&] { return runtime.impl().workers().runs_on_this_thread(); }).get());
}

TEST_CASE("as many callables run at once as the pool has workers, and never more") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 8});
  for (const std::size_t workers : {1u, 2u, 5u}) {
    WorkerPool pool(workers, runtime);
    Crowd crowd;
    std::latch all_inside(static_cast<std::ptrdiff_t>(workers));
    std::vector<std::future<void>> results;
    for (std::size_t i = 0; i < 100; ++i)
      results.push_back(pool.execute([&, i] {
        crowd.enter();
        if (i < workers) all_inside.arrive_and_wait();  // needs them all
        crowd.leave();
      }));
    for (auto& result : results) result.get();
    CHECK(crowd.most() == workers);
  }
}

TEST_CASE("callables begin in the order in which they were given") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 4});
  WorkerPool pool(1, runtime);
  std::vector<int> order;
  std::vector<std::future<void>> results;
  for (int i = 0; i < 200; ++i)
    results.push_back(pool.execute([&order, i] { order.push_back(i); }));
  for (auto& result : results) result.get();
  std::vector<int> expected(200);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(order == expected);
}

TEST_CASE("what a callable holds is let go before its result is there") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    WorkerPool pool(2, runtime);
    for (int i = 0; i < 200; ++i) {
      auto held = std::make_shared<int>(i);
      const std::weak_ptr<int> look = held;
      const auto result = pool.execute([held = std::move(held)] { return *held; });
      result.wait();
      REQUIRE(look.expired());
    }
    const auto kept = std::make_shared<int>(1);
    const auto result = pool.execute([kept] { return *kept; });  // as a const member
    result.wait();
    CHECK(kept.use_count() == 1);
  }
}

TEST_CASE("a result that nobody wants may give to the pool once more as it goes") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    std::atomic<int> ran{0};
    {
      WorkerPool pool(1, runtime);
      const auto again = [&](void*) { (void)pool.execute([&ran] { ++ran; }); };
      (void)pool.execute([again] { return std::shared_ptr<void>(nullptr, again); });
    }
    CHECK(ran == 1);
  }
}

TEST_CASE("the end of a pool waits for all that was given to it, though nobody kept a future") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    std::atomic<int> ran{0};
    {
      WorkerPool pool(2, runtime);
      for (int i = 0; i < 500; ++i) (void)pool.execute([&ran] { ++ran; });
    }
    CHECK(ran == 500);
  }
}

TEST_CASE("the end of a pool waits for what runs, and on the only worker runs what waits") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  std::optional<WorkerPool> pool(std::in_place, 1, runtime);
  std::latch begun(1);
  std::atomic<bool> ended{false};
  (void)pool->execute([&] {
    begun.count_down();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    ended = true;
  });
  begun.wait();
  pool.emplace(1, runtime);
  CHECK(ended);

  WorkerPool other(1, runtime);
  Door door;
  std::atomic<int> ran{0};
  auto ends = other.execute([&] {
    door.wait();
    pool.reset();
  });
  door.until_someone_waits();
  for (int i = 0; i < 5; ++i) (void)pool->execute([&ran] { ++ran; });
  door.open();
  ends.get();
  CHECK(ran == 5);
}

TEST_CASE("a pool may be the last that holds its Runtime, again and again") {
  const Watchdog watchdog(std::chrono::seconds(120));
  std::atomic<int> ran{0};
  for (int i = 0; i < 300; ++i) {
    WorkerPool pool(2, Runtime({.worker_threads = 2}));
    for (int j = 0; j < 5; ++j) (void)pool.execute([&ran] { ++ran; });
  }
  CHECK(ran == 1500);
}

TEST_CASE("a callable may wait for what it gives to its own pool, even with one worker") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    WorkerPool pool(1, runtime);
    Crowd crowd;
    std::function<int(int)> sum_to = [&](int n) {
      return n == 0 ? 0 : n + pool.execute([&, n] { return sum_to(n - 1); }).get();
    };
    std::vector<std::future<int>> results;
    for (int i = 0; i < 50; ++i)
      results.push_back(pool.execute([&] {
        crowd.enter();
        const int sum = sum_to(20);
        crowd.leave();
        return sum;
      }));
    for (auto& result : results) CHECK(result.get() == 210);
    CHECK(crowd.most() == 1);
  }
}

TEST_CASE("a stage may wait for what it gives to a pool, even where callables wait for a worker") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(40 * kChunk, 1);
  for (const std::size_t workers : {1u, 2u, 8u})
    for (const std::size_t places : {1u, 3u}) {
      INFO(workers << " workers, " << places << " places");
      const Runtime runtime({.worker_threads = workers});
      WorkerPool pool(places, runtime);
      Crowd crowd;
      const auto job = [&crowd] {
        crowd.enter();
        std::this_thread::yield();
        crowd.leave();
      };
      std::vector<std::future<void>> given;
      const Operation operation = pipeline_on(runtime, executing_stage(pool, job))
                                      .start(Source::memory(plain), Sink::discard());
      for (int i = 0; i < 100; ++i) given.push_back(pool.execute(job));
      CHECK(operation.get().chunks == 40);
      for (auto& result : given) result.get();
      CHECK(crowd.most() <= places);
    }
}

TEST_CASE("a callable may process on the same Runtime, and wait for operations there") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(20 * kChunk, 1);
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    WorkerPool pool(2, runtime);
    const Pipeline pipeline = pipeline_on(runtime, xor_stage());
    std::vector<std::future<std::uint64_t>> results;
    for (int i = 0; i < 20; ++i)
      results.push_back(pool.execute([&] {
        const Operation started = pipeline.start(Source::memory(plain), Sink::discard());
        return pipeline.process(Source::memory(plain), Sink::discard()).chunks +
               started.get().chunks;
      }));
    for (auto& result : results) CHECK(result.get() == 40);
  }
}

TEST_CASE("a callable may run parallel loops, and no other begins on top of it") {
  const Watchdog watchdog(std::chrono::seconds(60));
  static thread_local int depth = 0;
  const Runtime runtime({.worker_threads = 4});
  WorkerPool pool(4, runtime);
  std::atomic<bool> nested{false};
  std::vector<std::future<int>> results;
  for (int i = 0; i < 100; ++i)
    results.push_back(pool.execute([&] {
      if (++depth != 1) nested = true;
      std::atomic<int> sum{0};
      oneapi::tbb::parallel_for(0, 1000, [&](int n) { sum += n; });
      --depth;
      return sum.load();
    }));
  for (auto& result : results) CHECK(result.get() == 499'500);
  CHECK_FALSE(nested);
}

TEST_CASE("a host may use a pool within its own parallel loop, with a lock held") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  WorkerPool pool(1, runtime);
  std::mutex host_lock;
  std::atomic<int> sum{0};
  oneapi::tbb::parallel_for(0, 64, [&](int i) {
    const std::lock_guard lock(host_lock);
    sum += pool.execute([i] { return i; }).get();
  });
  CHECK(sum == 2016);
}

TEST_CASE("many threads give to one pool at once, on every runtime") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    WorkerPool pool(2, runtime);
    Crowd crowd;
    std::atomic<int> sum{0};
    {
      std::vector<std::jthread> hosts;
      for (int host = 0; host < 8; ++host)
        hosts.emplace_back([&] {
          for (int i = 0; i < 50; ++i)
            sum += pool.execute([&] {
                         crowd.enter();
                         crowd.leave();
                         return 1;
                       })
                       .get();
        });
    }
    CHECK(sum == 400);
    CHECK(crowd.most() <= 2);
  }
}

TEST_CASE("a pool has its turn while an operation could keep the only worker busy for ever") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  /// Gives bytes without end, without ever waiting.
  struct Endless final : PositionalSourceImpl {
    std::uint64_t total_bytes() const override { return std::uint64_t{1} << 50; }
    std::size_t read_at(std::uint64_t, std::span<std::byte> to) override {
      std::fill(to.begin(), to.end(), std::byte{1});
      return to.size();
    }
    bool may_wait() const noexcept override { return false; }
  };
  const auto stage =
      make_stage("test.none", [](const ChunkInfo&, auto, auto&) { return Outcome::unchanged; });
  SinkFate fate;
  const Operation endless = Pipeline::Builder()
                                .add(stage)
                                .chunk_size(ChunkSize::from_mib(1))
                                .container(Container::none)
                                .runtime(runtime)
                                .build()
                                .start(Source(std::make_unique<Endless>()),
                                       Sink(std::make_unique<HookedSink>(fate, BeforeCall())));
  WorkerPool pool(1, runtime);
  for (int i = 0; i < 100; ++i) CHECK(pool.execute([i] { return i; }).get() == i);
  CHECK_FALSE(endless.done());
}

TEST_CASE("in a child of fork(), a pool says so and ends, though callables wait in it") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  std::optional<WorkerPool> pool(std::in_place, 1, runtime);
  Door door;
  auto busy = pool->execute([&door] { door.wait(); });
  auto waiting = pool->execute([] {});
  door.until_someone_waits();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);  // the watchdog is not in the child
    const errc kind = thrown_kind([&] { (void)pool->execute([] {}); });
    pool.reset();
    ::_exit(kind == errc::resource_exhausted ? 0 : 1);
  }
  door.open();
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  waiting.get();
}

}  // namespace adapipe
