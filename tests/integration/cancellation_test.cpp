#include <adapipe/adapipe.hpp>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>

#include "graph/runtime_impl.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/stuck.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

std::size_t descriptors_of_this_process() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

void check_nothing_is_held(Scene& scene) {
  CHECK(scene.runtime.memory_in_use_bytes() == 0);
  CHECK(scene.runtime.impl().operations().in_use() == 0);
}

}  // namespace

TEST_CASE("whatever an operation waits for, it can be stopped, by whatever means") {
  const Watchdog watchdog(std::chrono::seconds(240));
  for (const Situation& situation : stuck_situations()) {
    for (const Way way : kWays) {
      for (const std::size_t workers : {1u, 2u, 2u, 2u}) {
        INFO("it waits for " << situation.where << ", way " << static_cast<int>(way));
        Scene scene({.worker_threads = workers});
        std::optional<Operation> operation(situation.start(scene));
        scene.reached.get_future().wait();
        const std::optional<errc> error = end(operation, way, scene.stop);
        CHECK(error.value_or(errc::cancelled) == errc::cancelled);
        CHECK(scene.inside == 0);
        CHECK(scene.fate.committed == 0);
        CHECK(scene.fate.abandoned == (situation.sink_is_open ? 1 : 0));
        check_nothing_is_held(scene);
      }
    }
  }
}

TEST_CASE("an operation that waits for its place, or for memory, can be stopped") {
  const Watchdog watchdog(std::chrono::seconds(240));
  constexpr std::size_t kNotTwice = 24 * 1024;  // room for one chunk in flight
  for (const bool for_memory : {false, true}) {
    for (const Way way : kWays) {
      for (const std::size_t workers : {1u, 2u, 2u, 2u}) {
        INFO((for_memory ? "memory" : "a place") << ", way " << static_cast<int>(way));
        Scene scene({.worker_threads = workers,
                     .memory_bytes = kNotTwice,
                     .max_concurrent_operations = for_memory ? 2u : 1u});
        scene.holder.emplace(scene.pipeline(), scene.plain);
        const std::size_t held_bytes = scene.runtime.memory_in_use_bytes();
        REQUIRE(held_bytes > kNotTwice / 2);
        std::optional<Operation> operation(scene.process(
            scene.good_source(),
            Sink(std::make_unique<HookedStreamSink>(scene.fate, scene.arrive_at(0)))));
        if (for_memory) scene.reached.get_future().wait();  // the header comes before the memory
        const std::optional<errc> error = end(operation, way, scene.stop);
        CHECK(error.value_or(errc::cancelled) == errc::cancelled);
        CHECK(scene.fate.committed == 0);
        CHECK(scene.fate.abandoned == (for_memory ? 1 : 0));
        CHECK(scene.runtime.memory_in_use_bytes() == held_bytes);
        CHECK(scene.runtime.impl().operations().in_use() == 1);
        scene.holder.reset();
        check_nothing_is_held(scene);
      }
    }
  }
}

TEST_CASE("sources that wait leave the threads that others need to run, and to be stopped") {
  const Watchdog watchdog(std::chrono::seconds(60));
  Scene scene({.worker_threads = 2, .max_concurrent_operations = 2});
  const auto process_waiting = [&](Door& door) {
    return scene.process(
        Source(std::make_unique<HookedSource>(
            scene.plain, true, [&door](std::size_t) { door.wait(); }, [&door] { door.open(); })),
        Sink::discard());
  };
  Door first_door, second_door;
  const Operation first = process_waiting(first_door);
  first_door.until_someone_waits();
  for (int i = 0; i < 20; ++i) scene.process(scene.good_source(), Sink::discard()).get();
  const Operation second = process_waiting(second_door);
  second_door.until_someone_waits();
  for (int i = 0; i < 20; ++i) {
    const Operation queued = scene.process(scene.good_source(), Sink::discard());
    queued.cancel();
    CHECK(thrown_kind([&] { queued.get(); }) == errc::cancelled);
  }
  for (const Operation* operation : {&first, &second}) {
    operation->cancel();
    CHECK(thrown_kind([&] { operation->get(); }) == errc::cancelled);
  }
  check_nothing_is_held(scene);
}

TEST_CASE("a stopped operation keeps no descriptor") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const std::size_t before = descriptors_of_this_process();
  for (const Situation& situation : stuck_situations()) {
    INFO(situation.where);
    Scene scene({.worker_threads = 1});
    std::optional<Operation> operation(situation.start(scene));
    scene.reached.get_future().wait();
    end(operation, Way::cancel, scene.stop);
    CHECK(descriptors_of_this_process() == before + (scene.pipe[0] >= 0 ? 2 : 0));
  }
}

}  // namespace adapipe
