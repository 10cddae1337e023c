#include "io/executor.hpp"

#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "io/fixture.hpp"

namespace adapipe {
namespace {

using namespace testing;

TEST_CASE("every job runs once, within the bound on threads", "[executor]") {
  const Watchdog watchdog;
  constexpr std::size_t kJobs = 5000;
  for (const std::size_t max_threads : {1u, 2u, 7u, 64u}) {
    std::vector<std::atomic<int>> runs(kJobs);
    std::atomic<std::size_t> busy = 0;
    std::atomic<bool> was_within_bound = true;
    {
      IoExecutor executor(max_threads, {"test"});
      std::vector<std::thread> threads;
      for (std::size_t first = 0; first < 3; ++first) {
        threads.emplace_back([&, first] {
          for (std::size_t i = first; i < kJobs; i += 3) {
            executor.submit([&, i] {
              if (++busy > max_threads) was_within_bound = false;
              ++runs[i];
              --busy;
            });
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      CHECK(executor.load().threads <= max_threads);
    }
    CHECK(was_within_bound);
    CHECK(std::ranges::all_of(runs, [](const auto& count) { return count == 1; }));
  }
}

TEST_CASE("jobs that wait do not hold up others", "[executor]") {
  const Watchdog watchdog;
  constexpr int kWaiting = 31;
  std::latch release(1);
  std::latch waiting(kWaiting);
  IoExecutor executor(kWaiting + 1, {"test"});
  for (int i = 0; i < kWaiting; ++i) {
    executor.submit([&] {
      waiting.count_down();
      release.wait();
    });
  }
  waiting.wait();
  for (int i = 0; i < 100; ++i) {
    std::latch done(1);
    executor.submit([&] { done.count_down(); });
    done.wait();
  }
  CHECK(executor.load().threads == kWaiting + 1);
  release.count_down();
}

TEST_CASE("a job may wait for one that it submits", "[executor]") {
  const Watchdog watchdog;
  std::atomic<int> depth = 0;
  std::function<void()> nested;
  {
    IoExecutor executor(20, {"test"});
    nested = [&] {
      if (++depth == 20) return;
      std::latch done(1);
      executor.submit([&] {
        nested();
        done.count_down();
      });
      done.wait();
    };
    executor.submit(nested);
  }
  CHECK(depth == 20);
}

TEST_CASE("an idle thread is used again", "[executor]") {
  const Watchdog watchdog;
  IoExecutor executor(100, {"test"});
  for (int i = 0; i < 200; ++i) {
    std::latch done(1);
    executor.submit([&] { done.count_down(); });
    done.wait();
  }
  // A thread that has just finished may not count as idle yet.
  CHECK(executor.load().threads <= 10);
}

TEST_CASE("idle threads leave, and new ones are made when needed", "[executor]") {
  const Watchdog watchdog;
  std::latch all_run[] = {std::latch(4), std::latch(4)};
  IoExecutor executor(4, {"test"});
  for (std::latch& done : all_run) {
    while (executor.load().threads > 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (int i = 0; i < 4; ++i) executor.submit([&] { done.arrive_and_wait(); });
    done.wait();
    CHECK(executor.load().threads == 4);
  }
}

TEST_CASE("the destructor runs what was submitted, and what that submits", "[executor]") {
  const Watchdog watchdog;
  std::atomic<int> runs = 0;
  {
    IoExecutor executor(2, {"test"});
    for (int i = 0; i < 1000; ++i) {
      executor.submit([&] {
        ++runs;
        executor.submit([&] { ++runs; });
      });
    }
  }
  CHECK(runs == 2000);
}

TEST_CASE("threads have their name and leave signals to the host", "[executor]") {
  std::array<char, 16> name{};
  sigset_t mask;
  {
    IoExecutor executor(1, {"a-name-of-many-letters"});
    executor.submit([&] {
      ::pthread_getname_np(::pthread_self(), name.data(), name.size());
      ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    });
  }
  CHECK(std::string(name.data()) == "a-name-of-ma-io");
  for (const int signal : {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGPIPE})
    CHECK(sigismember(&mask, signal) == 1);
  CHECK(sigismember(&mask, SIGSEGV) == 0);
}

TEST_CASE("a strand runs its jobs in order, one at a time", "[strand]") {
  const Watchdog watchdog;
  constexpr int kStrands = 4;
  constexpr int kJobs = 3000;
  std::array<std::vector<int>, kStrands> seen;  // unguarded: the strand is the guard
  std::array<std::atomic<int>, kStrands> inside{};
  std::atomic<bool> was_exclusive = true;
  IoExecutor executor(kStrands * 2, {"test"});
  {
    std::array<std::optional<Strand>, kStrands> strands;
    for (auto& strand : strands) strand.emplace(executor);
    std::latch done(kStrands * kJobs);
    for (int i = 0; i < kJobs; ++i) {
      for (std::size_t s = 0; s < kStrands; ++s) {
        strands[s]->post([&, i, s] {
          if (++inside[s] != 1) was_exclusive = false;
          seen[s].push_back(i);
          --inside[s];
          done.count_down();
        });
      }
    }
    done.wait();
    CHECK(executor.load().threads <= kStrands * 2);
  }
  CHECK(was_exclusive);
  for (const auto& order : seen) {
    REQUIRE(order.size() == kJobs);
    CHECK(std::ranges::is_sorted(order));
  }
}

TEST_CASE("several threads may post to one strand", "[strand]") {
  const Watchdog watchdog;
  int runs = 0;  // unguarded: the strand is the guard
  {
    IoExecutor executor(3, {"test"});
    Strand strand(executor);
    std::latch done(3000);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i)
          strand.post([&] {
            ++runs;
            done.count_down();
          });
      });
    }
    for (std::thread& thread : threads) thread.join();
    done.wait();
  }
  CHECK(runs == 3000);
}

TEST_CASE("a strand that waits takes one thread, however much is posted", "[strand]") {
  const Watchdog watchdog;
  std::latch release(1);
  std::latch done(101);
  IoExecutor executor(8, {"test"});
  Strand strand(executor);
  strand.post([&] {
    release.wait();
    done.count_down();
  });
  for (int i = 0; i < 100; ++i) strand.post([&] { done.count_down(); });
  CHECK(executor.load().threads == 1);
  release.count_down();
  done.wait();
}

TEST_CASE("a strand may go while its last job is on its way out", "[strand]") {
  const Watchdog watchdog;
  IoExecutor executor(2, {"test"});
  int runs = 0;
  for (int i = 0; i < 2000; ++i) {
    auto strand = std::make_unique<Strand>(executor);
    std::latch done(1);
    strand->post([&] {
      ++runs;
      done.count_down();
    });
    done.wait();
    strand.reset();
  }
  CHECK(runs == 2000);
}

}  // namespace
}  // namespace adapipe
