#pragma once

#include <atomic>
#include <cstddef>

namespace adapipe::testing {

/// How many are inside, and the most that ever were.
class Crowd {
 public:
  void enter() {
    const std::size_t now = ++inside_;
    for (std::size_t seen = most_; now > seen && !most_.compare_exchange_weak(seen, now);) {
    }
  }
  void leave() { --inside_; }

  std::size_t inside() const { return inside_; }
  std::size_t most() const { return most_; }

 private:
  std::atomic<std::size_t> inside_{0};
  std::atomic<std::size_t> most_{0};
};

/// Counts what some threads have done, for others to wait for.
class Tally {
 public:
  void add() {
    ++count_;
    count_.notify_all();
  }
  void wait_for(std::size_t at_least) const {
    for (std::size_t now = count_; now < at_least; now = count_) count_.wait(now);
  }
  std::size_t count() const { return count_; }

 private:
  std::atomic<std::size_t> count_{0};
};

}  // namespace adapipe::testing
