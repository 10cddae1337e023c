#include "codec/level_control.hpp"

#include <algorithm>
#include <vector>

#include "support/catch.hpp"

using namespace adapipe;

namespace {

TEST_CASE("the level rises while chunks queue for the sink, and falls when it had to wait") {
  constexpr int kNone = INT_MIN;
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
       }) {
    INFO(c.state.waiting << " of " << c.state.slots << " wait at level " << c.state.level
                         << " after " << c.state.tried << ", dry " << c.state.ran_dry);
    CHECK(level_step(c.state) == c.step);
  }
}

TEST_CASE("the level of an operation stays in its range, and moves one step for a chunk") {
  Backlog backlog;
  backlog.begin(4);
  LevelControl control(adaptive(2, 5), backlog);
  const auto levels_of = [&control](int chunks) {
    std::vector<int> levels;
    for (int i = 0; i < chunks; ++i) {
      levels.push_back(control.begin());
      control.end(levels.back());
    }
    return levels;
  };
  CHECK(levels_of(3) == std::vector{2, 2, 2});
  for (int i = 0; i < 3; ++i) backlog.enter();
  CHECK(levels_of(5) == std::vector{3, 4, 5, 5, 5});
  for (int i = 0; i < 2; ++i) backlog.leave();
  CHECK(levels_of(1) == std::vector{5});
  for (int i = 0; i < 5; ++i) {
    backlog.leave();  // the last
    CHECK(levels_of(2) == std::vector(2, std::max(4 - i, 2)));
    backlog.enter();
  }
}

TEST_CASE("the level does not rise while no chunk of it has been compressed") {
  Backlog backlog;
  backlog.begin(2);
  backlog.enter();
  LevelControl control(adaptive(1, 9), backlog);
  CHECK(control.begin() == 1);
  CHECK(control.begin() == 1);
  control.end(1);
  CHECK(control.begin() == 2);
  CHECK(control.begin() == 2);
  control.end(1);
  CHECK(control.begin() == 2);
  control.end(2);
  CHECK(control.begin() == 3);
}

}  // namespace
