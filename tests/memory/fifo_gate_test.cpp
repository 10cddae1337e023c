#include "memory/fifo_gate.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace adapipe {

namespace {

/// Asks for exactly `units` in the name of `who`, and notes the admission.
struct Asker {
  FifoGate& gate;
  std::vector<std::string>& admitted;

  void ask(const std::string& who, std::size_t units) {
    gate.enter(
        &who, [units](std::size_t free) { return units <= free ? units : 0; },
        [this, who](std::size_t) { admitted.push_back(who); });
  }
};

}  // namespace

TEST_CASE("a gate admits in the order of asking and never more than it has") {
  FifoGate gate(10);
  std::vector<std::string> admitted;
  Asker asker{gate, admitted};
  const std::string a = "a", b = "b", c = "c";
  asker.ask(a, 6);
  asker.ask(b, 8);
  asker.ask(c, 1);  // would fit, but b has asked before
  CHECK(admitted == std::vector<std::string>{"a"});
  CHECK(gate.in_use() == 6);
  gate.leave(6);
  CHECK(admitted == std::vector<std::string>{"a", "b", "c"});
  CHECK(gate.in_use() == 9);
}

TEST_CASE("whoever withdraws is not admitted, and those behind move up") {
  FifoGate gate(10);
  std::vector<std::string> admitted;
  Asker asker{gate, admitted};
  const std::string a = "a", b = "b", c = "c";
  asker.ask(a, 6);
  asker.ask(b, 8);
  asker.ask(c, 4);
  CHECK(gate.withdraw(&b));
  CHECK_FALSE(gate.withdraw(&b));
  CHECK_FALSE(gate.withdraw(&a));  // it is inside
  CHECK(admitted == std::vector<std::string>{"a", "c"});
}

TEST_CASE("someone inside may take more, as long as there is some") {
  FifoGate gate(10);
  CHECK(gate.try_extend(7));
  CHECK_FALSE(gate.try_extend(4));
  CHECK(gate.try_extend(3));
  CHECK(gate.in_use() == 10);
}

TEST_CASE("a gate under many threads gives everything back and never exceeds its capacity") {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kRounds = 5000;
  FifoGate gate(5);
  std::atomic<std::size_t> inside{0};
  std::atomic<std::size_t> admissions{0};
  std::atomic<bool> exceeded{false};
  std::mutex mutex;
  std::vector<std::size_t> granted;  // to be given back, by whichever thread comes along
  const auto admitted = [&](std::size_t taken) {
    if (inside.fetch_add(taken) + taken > 5) exceeded = true;
    ++admissions;
    const std::lock_guard lock(mutex);
    granted.push_back(taken);
  };
  const auto give_back = [&] {
    std::vector<std::size_t> mine;
    {
      const std::lock_guard lock(mutex);
      mine.swap(granted);
    }
    for (const std::size_t units : mine) {
      inside -= units;
      gate.leave(units);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < kRounds; ++i) {
        const std::size_t units = 1 + i % 5;
        gate.enter(
            &units, [units](std::size_t free) { return units <= free ? units : 0; }, admitted);
        give_back();
      }
    });
  threads.clear();
  while (gate.in_use() > 0) give_back();
  CHECK(admissions == kThreads * kRounds);
  CHECK_FALSE(exceeded);
}

}  // namespace adapipe
