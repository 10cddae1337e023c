#include <sys/wait.h>
#include <unistd.h>

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;

/// Keeps all that it is told.
class Recorder final : public Observer {
 public:
  struct Seen {
    StepEvent event;
    std::string stage;
  };
  struct Ended {
    std::uint64_t operation;
    std::optional<errc> error;
  };

  void operation_started(std::uint64_t operation, OperationKind kind) noexcept override {
    const std::lock_guard lock(mutex);
    started.emplace_back(operation, kind);
  }
  void step_ended(const StepEvent& event) noexcept override {
    const std::lock_guard lock(mutex);
    steps.push_back({event, std::string(event.stage)});
  }
  void operation_ended(std::uint64_t operation, const Error* error) noexcept override {
    const std::lock_guard lock(mutex);
    ended.push_back({operation, error ? std::optional(error->kind()) : std::nullopt});
  }

  std::mutex mutex;
  std::vector<std::pair<std::uint64_t, OperationKind>> started;
  std::vector<Seen> steps;
  std::vector<Ended> ended;
};

Pipeline pipeline_on(const Runtime& runtime, const SharedKey& key) {
  return Pipeline::Builder()
      .add(zstd())
      .add(xor_stage())
      .add(aes_256_gcm({.recipients = {key}}))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

const OperationMetrics& of_kind(const Metrics& metrics, OperationKind kind) {
  return metrics.operations.at(static_cast<std::size_t>(kind));
}

const StepMetrics& of_step(const Metrics& metrics, Step step, const std::string& stage,
                           Direction direction) {
  for (const StepMetrics& one : metrics.steps)
    if (one.step == step && one.stage == stage && one.direction == direction) return one;
  throw std::runtime_error("no such step: " + stage);
}

}  // namespace

TEST_CASE("an observer is told of every step of every chunk, in their order") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = compressible_bytes(20 * kChunk + 1, 1);
  const SharedKey key = SharedKey::generate();
  for (const bool is_stream : {false, true}) {
    const auto recorder = std::make_shared<Recorder>();
    const Runtime runtime({.worker_threads = 2, .observer = recorder});
    Bytes sealed, back;
    Source source = is_stream ? Source(std::make_unique<HookedStream>(plain, BeforeCall()))
                              : Source::memory(plain);
    pipeline_on(runtime, key).process(std::move(source), Sink::memory(sealed));
    restore(Source::memory(sealed), Sink::memory(back),
            {.identities = {key}, .registry = registry_of({xor_stage()}), .runtime = runtime});
    REQUIRE(back == plain);

    CHECK(recorder->started == std::vector<std::pair<std::uint64_t, OperationKind>>{
                                   {1, OperationKind::process}, {2, OperationKind::restore}});
    REQUIRE(recorder->ended.size() == 2);
    CHECK((recorder->ended[0].operation == 1 && !recorder->ended[0].error));
    const std::vector<std::string> ways[] = {
        {"read", "adapipe.zstd", "test.xor", "AES-256-GCM", "write"},
        {"read", "AES-256-GCM", "test.xor", "adapipe.zstd", "write"}};
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<Recorder::Seen>> chunks;
    for (const auto& seen : recorder->steps)
      chunks[{seen.event.operation, seen.event.chunk}].push_back(seen);
    CHECK(chunks.size() == 2 * 21);
    for (const auto& [number, steps] : chunks) {
      std::vector<std::string> way;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        const StepEvent& event = steps[i].event;
        way.push_back(event.step == Step::read    ? "read"
                      : event.step == Step::write ? "write"
                                                  : steps[i].stage);
        CHECK(event.ready <= event.began);
        CHECK(event.began <= event.ended);
        if (i == 0) continue;
        CHECK(event.ready == steps[i - 1].event.ended);
        CHECK(event.bytes_in == steps[i - 1].event.bytes_out);
      }
      const bool is_process = number.first == 1;
      CHECK(way == ways[is_process ? 0 : 1]);
      const std::size_t plain_bytes = number.second == 20 ? 1 : kChunk;
      CHECK((is_process ? steps.front().event.bytes_in : steps.back().event.bytes_out) ==
            plain_bytes);
    }
  }
}

TEST_CASE("an observer is told how operations fail") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(3 * kChunk, 1);
  const SharedKey key = SharedKey::generate();
  const auto recorder = std::make_shared<Recorder>();
  const Runtime runtime({.worker_threads = 1, .observer = recorder});
  Bytes sealed;
  pipeline_on(runtime, key).process(Source::memory(plain), Sink::memory(sealed));
  CHECK(thrown_kind([&] {
          verify(Source::memory(sealed),
                 {.identities = {SharedKey::generate()}, .runtime = runtime});
        }) == errc::wrong_key);
  std::stop_source stop;
  stop.request_stop();
  CHECK(thrown_kind([&] {
          verify(Source::memory(sealed),
                 {.identities = {key}, .stop = stop.get_token(), .runtime = runtime});
        }) == errc::cancelled);
  REQUIRE(recorder->ended.size() == 3);
  CHECK(!recorder->ended[0].error);
  CHECK(recorder->ended[1].error == errc::wrong_key);
  CHECK(recorder->ended[2].error == errc::cancelled);
  const OperationMetrics verified = of_kind(runtime.metrics(), OperationKind::verify);
  CHECK((verified.started == 2 && verified.succeeded == 0 && verified.running() == 0));
  CHECK(verified.failed[static_cast<std::size_t>(errc::wrong_key) - 1] == 1);
  CHECK(verified.failed[static_cast<std::size_t>(errc::cancelled) - 1] == 1);
}

TEST_CASE("a Runtime counts what its operations did, chunk by chunk and stage by stage") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = compressible_bytes(20 * kChunk + 1, 1);
  const SharedKey key = SharedKey::generate();
  for (const Runtime& runtime : {Runtime({.worker_threads = 1}), Runtime({.worker_threads = 4})}) {
    Bytes sealed, back;
    const Report made =
        pipeline_on(runtime, key).process(Source::memory(plain), Sink::memory(sealed));
    const Metrics once = runtime.metrics();
    CHECK(of_kind(once, OperationKind::process).succeeded == 1);
    CHECK(of_kind(once, OperationKind::process).time.count() == 1);
    CHECK(once.place_wait.count() == 1);
    CHECK(once.memory_wait.count() == 1);
    CHECK(once.chunk_time.count() == made.chunks);
    CHECK(once.chunks_in_flight == 0);
    for (const StageReport& stage : made.stages) {
      const StepMetrics& step = of_step(once, Step::stage, stage.name, Direction::forward);
      CHECK(step.time.count() == made.chunks);
      CHECK(step.wait.count() == made.chunks);
      CHECK(step.bytes_in == stage.bytes_in);
      CHECK(step.bytes_out == stage.bytes_out);
    }
    CHECK(of_step(once, Step::read, "", Direction::forward).bytes_in == plain.size());

    restore(Source::memory(sealed), Sink::memory(back),
            {.identities = {key}, .registry = registry_of({xor_stage()}), .runtime = runtime});
    pipeline_on(runtime, key).process(Source::memory(plain), Sink::memory(sealed));
    const Metrics then = runtime.metrics();
    CHECK(of_kind(then, OperationKind::process).succeeded == 2);
    CHECK(of_kind(then, OperationKind::restore).succeeded == 1);
    CHECK(then.chunk_time.count() == 3 * made.chunks);
    CHECK(of_step(then, Step::write, "", Direction::backward).bytes_out == plain.size());
    CHECK(then.worker_threads == runtime.worker_threads());
    CHECK(then.memory_bytes == runtime.memory_bytes());
  }
}

TEST_CASE("the serial runtime counts as well") {
  const Bytes plain = compressible_bytes(5 * kChunk, 1);
  const SharedKey key = SharedKey::generate();
  const Runtime runtime = Runtime::serial();
  const Metrics before = runtime.metrics();
  Bytes sealed;
  pipeline_on(runtime, key).process(Source::memory(plain), Sink::memory(sealed));
  pipeline_on(runtime, key)
      .process(Source(std::make_unique<HookedStream>(plain, BeforeCall())), Sink::memory(sealed));
  const Metrics after = runtime.metrics();
  CHECK(after.chunk_time.count() == before.chunk_time.count() + 10);
  CHECK(after.chunks_in_flight == before.chunks_in_flight);
}

TEST_CASE("what waits and what is in flight can be seen while it does") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(5 * kChunk, 1);
  const SharedKey key = SharedKey::generate();
  const Runtime runtime({.worker_threads = 1, .max_concurrent_operations = 1});
  const Pipeline pipeline = pipeline_on(runtime, key);
  Door door;
  Bytes one, two;
  const Operation first = pipeline.start(
      Source(std::make_unique<HookedStream>(plain, [&](std::size_t) { door.wait(); })),
      Sink::memory(one));
  door.until_someone_waits();
  const Operation second = pipeline.start(Source::memory(plain), Sink::memory(two));
  // The thread that had the read begun may not have come back from that.
  while (runtime.metrics().io_threads_busy > 1) std::this_thread::yield();
  const Metrics held = runtime.metrics();
  CHECK(of_kind(held, OperationKind::process).running() == 2);
  CHECK(held.operations_waiting == 1);
  CHECK(held.operations_waiting_for_memory == 0);
  CHECK(held.chunks_in_flight == 1);
  CHECK(held.memory_in_use_bytes > 0);
  CHECK(held.io_threads_busy == 1);
  door.open();
  first.wait();
  second.wait();
  const Metrics over = runtime.metrics();
  CHECK(of_kind(over, OperationKind::process).running() == 0);
  CHECK(over.operations_waiting == 0);
  CHECK(over.chunks_in_flight == 0);
  CHECK(over.memory_in_use_bytes == 0);
}

TEST_CASE("a failed operation leaves no chunk in flight") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(50 * kChunk, 1);
  for (const bool waits : {false, true}) {
    const Runtime runtime({.worker_threads = 2});
    Bytes sealed;
    const BeforeCall fail_at_the_tenth = [](std::size_t call) {
      if (call == 10) throw Error(errc::io_error, "no more");
    };
    CHECK(thrown_kind([&] {
            pipeline_on(runtime, SharedKey::generate())
                .process(Source(std::make_unique<HookedSource>(plain, waits, fail_at_the_tenth)),
                         Sink::memory(sealed));
          }) == errc::io_error);
    CHECK(runtime.metrics().chunks_in_flight == 0);
    CHECK(runtime.metrics().chunk_time.count() < 50);
  }
}

TEST_CASE("a Reader's chunks and look-ups are counted") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = compressible_bytes(5 * kChunk, 1);
  const SharedKey key = SharedKey::generate();
  const auto recorder = std::make_shared<Recorder>();
  const Runtime runtime({.worker_threads = 1, .observer = recorder});
  Bytes sealed;
  pipeline_on(runtime, key).process(Source::memory(plain), Sink::memory(sealed));
  {
    const Reader reader = Reader::open(
        Source::memory(sealed),
        {.identities = {key}, .registry = registry_of({xor_stage()}), .runtime = runtime});
    Bytes page(10);
    for (const std::uint64_t offset : {0u, 3 * unsigned{kChunk}, 5u}) reader.read_at(offset, page);
    const Metrics metrics = runtime.metrics();
    CHECK(metrics.cache_misses == 2);
    CHECK(metrics.cache_hits == 1);
    CHECK(metrics.cache_bytes >= 2 * kChunk);
    CHECK(of_step(metrics, Step::stage, "adapipe.zstd", Direction::backward).time.count() == 2);
    CHECK(of_kind(metrics, OperationKind::reader).running() == 1);
  }
  const OperationMetrics readers = of_kind(runtime.metrics(), OperationKind::reader);
  CHECK((readers.succeeded == 1 && readers.running() == 0));
  CHECK(recorder->ended.back().operation == 2);
  CHECK(recorder->steps.back().event.operation == 2);
}

TEST_CASE("a Reader ends after its last step, though that was of a chunk decoded ahead") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = compressible_bytes(5 * kChunk, 1);
  const SharedKey key = SharedKey::generate();
  struct LastOfReader final : Observer {
    void step_ended(const StepEvent&) noexcept override { steps_after_end += has_ended; }
    void operation_ended(std::uint64_t, const Error*) noexcept override { has_ended = true; }
    std::atomic<bool> has_ended{false};
    std::atomic<int> steps_after_end{0};
  };
  Bytes sealed;
  pipeline_on(Runtime({.worker_threads = 1}), key)
      .process(Source::memory(plain), Sink::memory(sealed));
  Door door;
  const auto waits_ahead = make_stage("test.xor", [&](const ChunkInfo& chunk, auto in, auto& out) {
    if (chunk.index != 0) door.wait();
    return xor_bytes(in, out, std::byte{0x5A});
  });
  const auto observer = std::make_shared<LastOfReader>();
  const Runtime runtime({.worker_threads = 1, .observer = observer});
  std::optional<Reader> reader(Reader::open(
      Source::memory(sealed),
      {.identities = {key}, .registry = registry_of({waits_ahead}), .runtime = runtime}));
  Bytes page(10);
  for (const std::uint64_t offset : {0u, 10u, 20u}) reader->read_at(offset, page);
  door.until_someone_waits();
  std::jthread opener([&] { door.open(); });
  reader.reset();
  CHECK(observer->has_ended);
  CHECK(observer->steps_after_end == 0);
}

TEST_CASE("in a child of fork() a Reader reads nothing and tells nobody, and none can be opened") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = compressible_bytes(5 * kChunk, 1);
  const SharedKey key = SharedKey::generate();
  const auto recorder = std::make_shared<Recorder>();
  const Runtime runtime({.worker_threads = 1, .observer = recorder});
  Bytes sealed;
  pipeline_on(runtime, key).process(Source::memory(plain), Sink::memory(sealed));
  const auto open = [&] {
    return Reader::open(
        Source::memory(sealed),
        {.identities = {key}, .registry = registry_of({xor_stage()}), .runtime = runtime});
  };
  const Reader reader = open();
  const std::size_t steps = recorder->steps.size();
  Bytes page(10);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);  // the watchdog is not in the child
    const bool is_refused =
        thrown_kind([&] { reader.read_at(0, page); }) == errc::resource_exhausted &&
        thrown_kind([&] { (void)open(); }) == errc::resource_exhausted;
    const bool is_told = recorder->steps.size() != steps;
    ::_exit(is_told ? 1 : is_refused ? 0 : 2);
  }
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  reader.read_at(0, page);
  CHECK(recorder->steps.size() > steps);
}

}  // namespace adapipe
