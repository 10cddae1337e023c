#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;

Pipeline pipeline_on(const Runtime& runtime, std::shared_ptr<const Stage> stage = zstd()) {
  return Pipeline::Builder()
      .add(std::move(stage))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

/// Inputs of many sizes, and a place for what becomes of each.
struct Files {
  explicit Files(std::size_t count) : outputs(count) {
    for (std::size_t i = 0; i < count; ++i)
      inputs.push_back(compressible_bytes(i % 7 * 1000, static_cast<std::uint64_t>(i)));
  }
  explicit Files(std::vector<Bytes> given) : inputs(std::move(given)), outputs(inputs.size()) {}

  std::vector<BatchItem> items() {
    std::vector<BatchItem> items;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      items.push_back({Source::memory(inputs[i]), Sink::memory(outputs[i])});
    return items;
  }

  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;
};

/// So much time goes by.
void pass(std::chrono::steady_clock::duration time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

std::vector<errc> kinds(const std::vector<BatchResult>& results) {
  std::vector<errc> kinds;
  for (const BatchResult& result : results)
    kinds.push_back(result.error ? result.error->kind() : errc{});
  return kinds;
}

Source failing(errc kind) {
  return Source(Source::Opener(
      [kind]() -> std::unique_ptr<SourceImpl> { throw Error(kind, "it was to fail"); }));
}

}  // namespace

TEST_CASE("a batch does what its items would do alone, on every Runtime") {
  const Watchdog watchdog;
  for (const auto& named : test_runtimes()) {
    INFO(named.name);
    Files files(50);
    const auto made = process_all(pipeline_on(named.runtime), files.items());
    REQUIRE(kinds(made) == std::vector<errc>(50));
    for (std::size_t i = 0; i < 50; ++i)
      CHECK(made[i].report.input_bytes == files.inputs[i].size());

    std::vector<Source> sealed;
    for (const Bytes& output : files.outputs) sealed.push_back(Source::memory(output));
    const auto verified = verify_all(std::move(sealed), {.runtime = named.runtime});
    REQUIRE(kinds(verified) == std::vector<errc>(50));
    CHECK(verified[49].report.output_bytes == files.inputs[49].size());

    Files back(files.outputs);
    CHECK(kinds(restore_all(back.items(), {.runtime = named.runtime})) == std::vector<errc>(50));
    CHECK(back.outputs == files.inputs);
  }
}

TEST_CASE("a batch of nothing is done") {
  CHECK(process_all(pipeline_on(Runtime::serial()), {}).empty());
}

TEST_CASE("items that fail are told from those that do not, and take nothing from them") {
  const Watchdog watchdog;
  for (const auto& named : test_runtimes()) {
    INFO(named.name);
    Files files(20);
    std::vector<BatchItem> items = files.items();
    items[0].source = failing(errc::corrupt);
    items[7].source = Source(std::make_unique<HookedStream>(
        files.inputs[7], [](std::size_t) { throw std::runtime_error("no"); }));
    items[19].sink = Sink(Sink::Opener([](const SinkHints&) -> std::unique_ptr<SinkImpl> {
      throw Error(errc::already_exists, "it is there");
    }));
    std::vector<errc> expected(20);
    expected[0] = errc::corrupt;
    expected[7] = errc::io_error;
    expected[19] = errc::already_exists;
    CHECK(kinds(process_all(pipeline_on(named.runtime), std::move(items))) == expected);
    Bytes back;
    restore(Source::memory(files.outputs[18]), Sink::memory(back));
    CHECK(back == files.inputs[18]);
  }
}

TEST_CASE("a batch that stops at a failure cancels what runs and begins nothing more") {
  const Watchdog watchdog;
  Door held;
  Files files(10);
  std::vector<BatchItem> items = files.items();
  const Bytes bytes = random_bytes(100, 1);
  // Both places are taken: by one that waits, and by one that fails once that does.
  items[0].source = Source(std::make_unique<HookedStream>(
      bytes, [&](std::size_t) { held.wait(); }, [&] { held.open(); }));
  items[1].source = Source(std::make_unique<HookedStream>(bytes, [&](std::size_t) {
    held.until_someone_waits();
    throw Error(errc::corrupt, "it was to fail");
  }));
  std::set<std::size_t> ended;
  const auto results =
      process_all(pipeline_on(Runtime({.worker_threads = 2})), std::move(items), {},
                  {.on_error = OnError::stop,
                   .max_running = 2,
                   .on_item = [&](std::size_t item, const BatchResult&) { ended.insert(item); }});
  std::vector<errc> expected(10, errc::cancelled);
  expected[1] = errc::corrupt;
  CHECK(kinds(results) == expected);
  CHECK(ended == std::set<std::size_t>{0, 1});
}

TEST_CASE("a stopped batch cancels what runs and begins nothing more, on every Runtime") {
  const Watchdog watchdog;
  for (const auto& named : test_runtimes()) {
    INFO(named.name);
    for (const bool in_each : {true, false}) {
      Files files(10);
      std::stop_source stop;
      std::vector<BatchItem> items = files.items();
      std::atomic<int> opened = 0;
      for (BatchItem& item : items)
        item.source = Source(Source::Opener([&] {
          ++opened;
          stop.request_stop();
          return std::make_unique<HookedStream>(files.inputs[1], BeforeCall());
        }));
      ProcessOptions each;
      BatchOptions batch{.max_running = 1};
      (in_each ? each.stop : batch.stop) = stop.get_token();
      const auto results = process_all(pipeline_on(named.runtime), std::move(items), each, batch);
      CHECK(kinds(results) == std::vector<errc>(10, errc::cancelled));
      CHECK(opened == 1);
    }
  }
}

TEST_CASE("a stopped batch cancels operations that were started without its stop") {
  const Watchdog watchdog;
  const Pipeline pipeline = pipeline_on(Runtime({.worker_threads = 2}));
  const Bytes bytes = random_bytes(100, 1);
  Bytes sealed;
  Door held;
  const auto start = [&](std::size_t) {
    auto source = std::make_unique<HookedStream>(
        bytes, [&](std::size_t) { held.wait(); }, [&] { held.open(); });
    return pipeline.start(Source(std::move(source)), Sink::memory(sealed));
  };
  std::stop_source stop;
  std::jthread stops([&] {
    held.until_someone_waits();
    stop.request_stop();
  });
  CHECK(kinds(run_all(3, start, {.max_running = 1, .stop = stop.get_token()})) ==
        std::vector<errc>(3, errc::cancelled));
}

TEST_CASE("no more items are open than may run at once") {
  const Watchdog watchdog;
  for (const std::size_t most : {1u, 3u}) {
    std::atomic<std::size_t> open = 0;
    std::atomic<bool> was_within_bound = true;
    struct Counted final : SourceImpl {
      explicit Counted(std::atomic<std::size_t>& count) : open(count) {}
      ~Counted() override { --open; }
      std::size_t read(std::span<std::byte>) override { return 0; }
      std::atomic<std::size_t>& open;
    };
    Files files(100);
    std::vector<BatchItem> items = files.items();
    for (BatchItem& item : items)
      item.source = Source(Source::Opener([&] {
        if (++open > most) was_within_bound = false;
        return std::make_unique<Counted>(open);
      }));
    CHECK(kinds(process_all(pipeline_on(Runtime({.worker_threads = 2})), std::move(items), {},
                            {.max_running = most})) == std::vector<errc>(100));
    CHECK(was_within_bound);
    CHECK(open == 0);
  }
}

TEST_CASE("a huge item holds up no small one, whether it waits to read or with all slots full") {
  const Watchdog watchdog;
  constexpr std::size_t kSmall = 100;
  for (const std::size_t workers : {1u, 2u}) {
    for (const bool reads : {true, false}) {
      const Runtime runtime({.worker_threads = workers, .memory_bytes = 4 << 20});
      const Bytes huge = compressible_bytes(200 * kChunk, 1);
      Files files(kSmall + 1);
      std::vector<BatchItem> items = files.items();
      Door small_ones_done;
      const BeforeCall wait = [&](std::size_t call) {
        if (call >= 50) small_ones_done.wait();
      };
      SinkFate fate;
      items[0] = {Source(std::make_unique<HookedStream>(huge, reads ? wait : BeforeCall())),
                  Sink(std::make_unique<HookedStreamSink>(fate, reads ? BeforeCall() : wait))};
      std::size_t small_done = 0;
      const auto end = [&](std::size_t item, const BatchResult&) {
        if (item == 0) CHECK(small_done == kSmall);
        if (item != 0 && ++small_done == kSmall) small_ones_done.open();
      };
      const auto results = process_all(pipeline_on(runtime), std::move(items), {},
                                       {.max_running = 2, .on_item = end});
      CHECK(kinds(results) == std::vector<errc>(kSmall + 1));
      CHECK(results[0].report.input_bytes == huge.size());
      CHECK(fate.committed == 1);
    }
  }
}

TEST_CASE("a huge item comes to its end while small ones keep coming") {
  const Watchdog watchdog;
  const Runtime runtime({.worker_threads = 1, .memory_bytes = 4 << 20});
  const Pipeline pipeline = pipeline_on(runtime);
  const Bytes huge = compressible_bytes(200 * kChunk, 1);
  const Bytes small = compressible_bytes(100, 1);
  std::vector<Bytes> sealed(1000);
  Bytes sealed_huge;
  std::atomic<bool> huge_is_done = false;
  // A small one is begun as soon as another has ended, until the huge one has.
  const auto results =
      run_all(sealed.size(),
              [&](std::size_t item) {
                if (item == 0)
                  return pipeline.start(Source::memory(huge), Sink::memory(sealed_huge));
                if (huge_is_done) throw Error(errc::cancelled, "it is over");
                if (item + 1 == sealed.size())
                  throw Error(errc::io_error, "the huge one never ended");
                return pipeline.start(Source::memory(small), Sink::memory(sealed[item]));
              },
              {.max_running = 4, .on_item = [&](std::size_t item, const BatchResult&) {
                 if (item == 0) huge_is_done = true;
               }});
  CHECK_FALSE(results[0].error);
  CHECK(results[sealed.size() - 1].error->kind() == errc::cancelled);
}

TEST_CASE("an item that cannot be started is told of as the others are") {
  std::vector<std::size_t> told;
  const auto start = [](std::size_t) -> Operation { throw Error(errc::corrupt, "it was to fail"); };
  const auto results = run_all(
      2, start, {.on_item = [&](std::size_t item, const BatchResult&) { told.push_back(item); }});
  CHECK(kinds(results) == std::vector<errc>(2, errc::corrupt));
  CHECK(told == std::vector<std::size_t>{0, 1});
}

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
