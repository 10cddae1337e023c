#include "graph/worker_arena.hpp"

#include <oneapi/tbb/parallel_for.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>

#include "support/catch.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using testing::Watchdog;

TEST_CASE("all workers of an arena run at once, on threads of its own") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const std::size_t threads : {1u, 2u, 8u}) {
    WorkerArena arena(threads, {"test"});
    CHECK(arena.threads() == threads);
    CHECK_FALSE(arena.runs_on_this_thread());
    std::latch together(static_cast<std::ptrdiff_t>(threads));
    std::latch done(static_cast<std::ptrdiff_t>(threads));
    std::atomic<int> strangers{0};
    std::mutex mutex;
    std::set<std::thread::id> ids;
    for (std::size_t i = 0; i < threads; ++i) {
      arena.enqueue([&] {
        if (!arena.runs_on_this_thread()) ++strangers;
        {
          const std::lock_guard lock(mutex);
          ids.insert(std::this_thread::get_id());
        }
        together.arrive_and_wait();  // needs them all
        done.count_down();
      });
    }
    done.wait();
    CHECK(ids.size() == threads);
    CHECK(strangers == 0);
  }
}

TEST_CASE("an arena without work ends, again and again") {
  const Watchdog watchdog(std::chrono::seconds(120));
  for (int i = 0; i < 300; ++i) WorkerArena(1 + static_cast<std::size_t>(i % 4), {"test"});
  SUCCEED();
}

TEST_CASE("work that is enqueued after a pause still runs") {
  const Watchdog watchdog(std::chrono::seconds(120));
  WorkerArena arena(2, {"test"});
  for (int i = 0; i < 2000; ++i) {
    std::latch ran(1);
    arena.enqueue([&] { ran.count_down(); });
    ran.wait();
    if (i % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));  // go idle
  }
  SUCCEED();
}

TEST_CASE("parallel loops within a task share the workers") {
  const Watchdog watchdog(std::chrono::seconds(60));
  WorkerArena arena(2, {"test"});
  std::atomic<int> sum{0};
  std::latch done(1);
  arena.enqueue([&] {
    oneapi::tbb::parallel_for(0, 1000, [&](int i) { sum += i; });
    done.count_down();
  });
  done.wait();
  CHECK(sum == 499'500);
}

}  // namespace adapipe
