#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "integration/batch_fixture.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

/// So much time goes by.
void pass(std::chrono::steady_clock::duration time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

}  // namespace

TEST_CASE("progress of a batch is that of all items, and ends complete") {
  const Watchdog watchdog;
  for (const auto& named : test_runtimes()) {
    INFO(named.name);
    Files files(50);
    std::uint64_t bytes = 0;
    for (const Bytes& input : files.inputs) bytes += input.size();
    std::vector<BatchProgress> shown;
    std::size_t items_ended = 0;
    process_all(pipeline_on(named.runtime), files.items(), {},
                {.on_progress = [&](const BatchProgress& p) { shown.push_back(p); },
                 .on_item = [&](std::size_t, const BatchResult&) { ++items_ended; }});
    REQUIRE_FALSE(shown.empty());
    CHECK(shown.back().items_done == 50);
    CHECK(shown.back().items_total == 50);
    CHECK(shown.back().all.bytes_done == bytes);
    CHECK(shown.back().all.bytes_total == bytes);
    CHECK(items_ended == 50);
    CHECK(std::ranges::is_sorted(shown, {}, [](const auto& p) { return p.all.bytes_done; }));
  }
}

TEST_CASE("progress of a batch is shown on the way, at most ten times a second") {
  const Watchdog watchdog;
  for (const auto& named : test_runtimes()) {
    INFO(named.name);
    Files files(std::vector<Bytes>(3, random_bytes(3 * kChunk, 1)));
    std::vector<BatchItem> items = files.items();
    for (std::size_t i = 0; i < 3; ++i)
      items[i].source = Source(std::make_unique<HookedSource>(
          files.inputs[i], true, [](std::size_t) { pass(std::chrono::milliseconds(40)); }));
    std::vector<BatchProgress> shown;
    const auto begun = std::chrono::steady_clock::now();
    process_all(
        pipeline_on(named.runtime), std::move(items), {.max_in_flight = 1},
        {.max_running = 1, .on_progress = [&](const BatchProgress& p) { shown.push_back(p); }});
    const auto elapsed = std::chrono::steady_clock::now() - begun;
    CHECK(shown.size() > 1);
    CHECK(std::ssize(shown) <= elapsed / std::chrono::milliseconds(100) + 1);
    for (const BatchProgress& p : shown) {
      CHECK(p.all.bytes_done >= p.items_done * 3 * kChunk);
      CHECK(p.all.bytes_done <= std::min<std::size_t>(p.items_done + 1, 3) * 3 * kChunk);
      if (p.items_done < 2) CHECK_FALSE(p.all.bytes_total);
    }
  }
}

TEST_CASE("what a callback throws on the way ends a batch that runs item by item") {
  const Watchdog watchdog;
  const Bytes bytes = random_bytes(100, 1);
  Files files(3);
  int begun = 0;
  std::vector<BatchItem> items = files.items();
  for (BatchItem& item : items)
    item.source = Source(std::make_unique<HookedSource>(bytes, true, [&](std::size_t) {
      ++begun;
      pass(std::chrono::milliseconds(101));
    }));
  const auto fail = [](const BatchProgress&) { throw std::logic_error("mine"); };
  CHECK_THROWS_AS(
      process_all(pipeline_on(Runtime::serial()), std::move(items), {}, {.on_progress = fail}),
      std::logic_error);
  CHECK(begun == 1);
}

TEST_CASE("what a callback of a batch throws is thrown on, once nothing runs any more") {
  const Watchdog watchdog;
  for (const auto& named : test_runtimes()) {
    INFO(named.name);
    for (const bool by_item : {true, false}) {
      Files files(10);
      BatchOptions batch{.max_running = 3};
      if (by_item)
        batch.on_item = [](std::size_t, const BatchResult&) { throw std::logic_error("mine"); };
      else
        batch.on_progress = [](const BatchProgress&) { throw std::logic_error("mine"); };
      CHECK_THROWS_AS(process_all(pipeline_on(named.runtime), files.items(), {}, batch),
                      std::logic_error);
      CHECK(named.runtime.memory_in_use_bytes() == 0);
    }
  }
}

TEST_CASE("when a callback of a batch throws, all that run are cancelled at once") {
  const Watchdog watchdog;
  const Bytes bytes = random_bytes(100, 1);
  for (const std::size_t cancelled : {0u, 1u}) {
    // Of two that wait, only one ends when it is cancelled, and lets the other one end.
    Door held;
    Files files(3);
    std::vector<BatchItem> items = files.items();
    const BeforeCall wait = [&](std::size_t) { held.wait(); };
    items[cancelled].source =
        Source(std::make_unique<HookedStream>(bytes, wait, [&] { held.open(); }));
    items[1 - cancelled].source = Source(std::make_unique<HookedStream>(bytes, wait));
    items[2].source =
        Source(std::make_unique<HookedStream>(bytes, [&](std::size_t) { held.until_waiting(2); }));
    CHECK_THROWS_AS(
        process_all(
            pipeline_on(Runtime({.worker_threads = 2})), std::move(items), {},
            {.on_item = [](std::size_t, const BatchResult&) { throw std::logic_error("mine"); }}),
        std::logic_error);
  }
}

TEST_CASE("a completion callback may run a batch, and a batch needs nobody who runs callbacks") {
  const Watchdog watchdog;
  for (const bool posts : {false, true}) {
    std::promise<std::function<void()>> posted;
    RuntimeOptions options{.worker_threads = 2};
    std::atomic<int> posts_made = 0;
    if (posts)
      options.post = [&](std::function<void()> run) {
        if (posts_made++ == 0) posted.set_value(std::move(run));
      };
    const Runtime runtime(options);
    const Pipeline pipeline = pipeline_on(runtime);
    std::vector<errc> inner;
    Door done;
    Bytes sealed;
    const Operation operation = pipeline.start(Source::owned(Bytes(10)), Sink::memory(sealed));
    operation.on_completion([&] {
      Files files(20);
      inner = kinds(process_all(pipeline, files.items()));
      done.open();
    });
    if (posts) posted.get_future().get()();
    done.wait();
    CHECK(inner == std::vector<errc>(20));
    CHECK(posts_made == (posts ? 1 : 0));
  }
}

TEST_CASE("a stage, and a source, may run a batch on their own Runtime") {
  const Watchdog watchdog;
  const Runtime runtime({.worker_threads = 1, .io_threads = 1, .max_concurrent_operations = 1});
  const Bytes plain = random_bytes(3 * kChunk, 1);
  std::vector<errc> inner;
  const auto nest = [&] {
    Files files(5);
    inner = kinds(process_all(pipeline_on(runtime), files.items()));
  };
  const auto stage = make_stage("test.nest", [&](const ChunkInfo&, auto in, auto& out) {
    nest();
    return xor_bytes(in, out, std::byte{1});
  });
  Bytes sealed;
  pipeline_on(runtime, stage).process(Source::memory(plain), Sink::memory(sealed));
  CHECK(std::exchange(inner, {}) == std::vector<errc>(5));
  pipeline_on(runtime).process(
      Source(std::make_unique<HookedStream>(plain, [&](std::size_t) { nest(); })),
      Sink::memory(sealed));
  CHECK(inner == std::vector<errc>(5));
}

}  // namespace adapipe
