// What happens when there is no memory for one more thread.

#include <oneapi/tbb/global_control.h>

#include <atomic>
#include <exception>

#include "graph/worker_arena.hpp"
#include "support/catch.hpp"
#include "support/full_address_space.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using testing::FullAddressSpace;
using testing::Watchdog;

TEST_CASE("work that is refused because oneTBB can start no thread is not run") {
  const Watchdog watchdog(std::chrono::seconds(60));
  // As in a process that may use one CPU, where it starts a thread when something is enqueued.
  const oneapi::tbb::global_control one(oneapi::tbb::global_control::max_allowed_parallelism, 1);
  std::atomic<int> ran{0};
  int taken = 0;
  {
    WorkerArena arena(2, {"test"});
    const FullAddressSpace no_stack_for_a_thread;
    for (int i = 0; i < 10; ++i) {
      try {
        arena.enqueue([&] { ++ran; });
        ++taken;
      } catch (const std::exception&) {
      }
    }
  }
  CHECK(taken > 0);
  CHECK(ran == taken);
}

}  // namespace adapipe
