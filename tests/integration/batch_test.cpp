#include <adapipe/adapipe.hpp>
#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "integration/batch_fixture.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/round_trip.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

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

}  // namespace adapipe
