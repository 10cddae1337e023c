#include "codec/level_control.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "support/catch.hpp"

using namespace adapipe;

namespace {

constexpr int kNone = INT_MIN;

using namespace std::chrono_literals;

/// A moment, in milliseconds.
Backlog::Clock::time_point at(int milliseconds) {
  return Backlog::Clock::time_point() + std::chrono::milliseconds(milliseconds);
}

TEST_CASE("the level rises while chunks queue for the sink, and falls when it had to wait") {
  struct Case {
    LevelState state;
    int step;
  };
  for (const Case& c : std::vector<Case>{
           // of six slots, one is that of the chunk
           {{false, 5, 6, 3, 3}, 1},
           {{false, 4, 6, 3, 3}, 1},
           {{false, 3, 6, 3, 3}, 0},
           {{false, 0, 6, 3, 3}, 0},
           {{true, 0, 6, 3, 3}, -1},
           {{true, 5, 6, 3, 3}, -1},
           // not before a chunk of the level has been compressed; but down at once
           {{false, 5, 6, 3, 2}, 0},
           {{false, 5, 6, 1, kNone}, 0},
           {{false, 5, 6, 3, 4}, 1},
           {{true, 0, 6, 3, 2}, -1},
           // many slots, and few
           {{false, 67, 100, 3, 3}, 1},
           {{false, 50, 100, 3, 3}, 0},
           {{false, 1, 2, 3, 3}, 1},
           {{false, 0, 2, 3, 3}, 0},
           // nothing can queue, or nothing has begun
           {{false, 0, 1, 3, 3}, 0},
           {{false, 0, 0, 3, 3}, 0},
           // the sink takes that many times as long as the workers; a level is 1.5 times the work
           {{false, 2, 6, 3, 3, 1.4}, 0},
           {{false, 2, 6, 3, 3, 1.6}, 1},
           {{false, 2, 6, 3, 3, 2.3}, 2},
           {{false, 2, 6, 3, 3, 30}, 8},
           {{false, 5, 6, 3, 3, 1.1}, 1},
           {{false, 5, 6, 3, 3, 0.9}, 0},
           {{false, 2, 6, 3, 3, 0.1}, 0},
           {{true, 0, 6, 9, 9, 30}, -1},
           {{true, 0, 6, 9, 9, 0.6}, -1},
           {{true, 0, 6, 9, 9, 0.4}, -2},
           {{true, 0, 6, 9, 9, 0.03}, -8},
           // but not if one at most waits for it, or the time is that of another level
           {{false, 0, 6, 3, 3, 30}, 0},
           {{false, 1, 6, 3, 3, 30}, 0},
           {{false, 2, 6, 3, 2, 30}, 0},
           {{false, 2, 6, 3, 4, 30}, 0},
           {{true, 0, 6, 9, 12, 0.03}, -1},
           {{true, 0, 6, 9, 4, 0.03}, -8},
       }) {
    INFO(c.state.waiting << " of " << c.state.slots << " wait at level " << c.state.level
                         << " after " << c.state.tried << ", dry " << c.state.ran_dry << ", "
                         << c.state.sink_time << " as long");
    CHECK(level_step(c.state) == c.step);
  }
}

TEST_CASE("the level of an operation stays in its range, and moves one step for a chunk") {
  Backlog backlog;
  backlog.begin(4, 2);
  LevelControl control(adaptive(2, 5), backlog);
  const auto levels_of = [&control](int chunks) {
    std::vector<int> levels;
    for (int i = 0; i < chunks; ++i) {
      levels.push_back(control.begin(at(0)));
      control.end(levels.back(), 1ms);
    }
    return levels;
  };
  CHECK(levels_of(3) == std::vector{2, 2, 2});
  for (int i = 0; i < 3; ++i) backlog.enter(at(0));
  CHECK(levels_of(5) == std::vector{3, 4, 5, 5, 5});
  for (int i = 0; i < 2; ++i) backlog.leave(at(0));
  CHECK(levels_of(1) == std::vector{5});
  for (int i = 0; i < 5; ++i) {
    backlog.leave(at(0));  // the last
    CHECK(levels_of(2) == std::vector(2, std::max(4 - i, 2)));
    backlog.enter(at(0));
  }
}

TEST_CASE("the level does not rise while no chunk of it has been compressed") {
  Backlog backlog;
  backlog.begin(2, 1);
  backlog.enter(at(0));
  LevelControl control(adaptive(1, 9), backlog);
  CHECK(control.begin(at(0)) == 1);
  CHECK(control.begin(at(0)) == 1);
  control.end(1, 1ms);
  CHECK(control.begin(at(0)) == 2);
  CHECK(control.begin(at(0)) == 2);
  control.end(1, 1ms);
  CHECK(control.begin(at(0)) == 2);
  control.end(2, 1ms);
  CHECK(control.begin(at(0)) == 3);
}

TEST_CASE(
    "the level follows the time that the sink takes for a chunk, even for one that it is at") {
  Backlog backlog;
  backlog.begin(6, 2);
  LevelControl control(adaptive(1, 12), backlog);
  control.end(control.begin(at(0)), 20ms);  // two workers make one in 10 ms
  backlog.enter(at(100));
  CHECK(control.begin(at(116)) == 1);  // it may be on its way
  backlog.enter(at(110));
  CHECK(control.begin(at(114)) == 1);
  CHECK(control.begin(at(116)) == 2);  // it has taken 16 ms so far
  control.end(2, 30ms);                // 15 ms
  CHECK(control.begin(at(155)) == 5);  // 55 ms, 3.7 times
  control.end(5, 60ms);                // 30 ms
  backlog.enter(at(200));
  backlog.leave(at(201));
  CHECK(control.begin(at(202)) == 7);  // it took 101 ms, 3.4 times
  control.end(7, 200ms);               // 100 ms
  backlog.leave(at(211));
  backlog.leave(at(221));
  CHECK(control.begin(at(300)) == 2);  // none is left, and the last took 10 ms, a tenth
}

}  // namespace
