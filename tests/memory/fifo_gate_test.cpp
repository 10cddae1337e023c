#include "memory/fifo_gate.hpp"

#include <atomic>
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
  FifoGate gate(5);
  std::atomic<int> inside{0};
  std::atomic<int> admissions{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < 5000; ++i) {
        const std::size_t units = 1 + i % 5;
        gate.enter(
            &units, [units](std::size_t free) { return units <= free ? units : 0; },
            [&](std::size_t taken) {
              if (inside.fetch_add(static_cast<int>(taken)) + static_cast<int>(taken) > 5)
                exceeded = true;
              ++admissions;
              inside.fetch_sub(static_cast<int>(taken));
              gate.leave(taken);
            });
      }
    });
  }
  threads.clear();
  CHECK(admissions == 20'000);
  CHECK_FALSE(exceeded);
  CHECK(gate.in_use() == 0);
}

}  // namespace adapipe
