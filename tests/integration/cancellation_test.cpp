#include <sys/stat.h>

#include <adapipe/adapipe.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>

#include "graph/runtime_impl.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/stages.hpp"
#include "support/stuck.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"
#include "support/zst_file.hpp"

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

/// A source that gives a byte at a time, asks for a stop at one of its reads and cannot be woken.
struct Trickle {
  std::size_t next(std::span<const std::byte> from, std::span<std::byte> to) {
    if (calls++ == stop_at) stop.request_stop();
    if (from.empty()) return 0;
    to.front() = from.front();
    return 1;
  }
  Source source(bool positional);

  const Bytes& bytes;
  std::size_t stop_at;
  std::stop_source stop{};
  std::atomic<std::size_t> calls{0};
};

struct TrickleStream final : SourceImpl {
  explicit TrickleStream(Trickle& t) : trickle(t) {}
  std::size_t read(std::span<std::byte> to) override {
    const std::size_t got = trickle.next(std::span(trickle.bytes).subspan(position), to);
    position += got;
    return got;
  }
  Trickle& trickle;
  std::size_t position = 0;
};

struct PositionalTrickle final : PositionalSourceImpl {
  explicit PositionalTrickle(Trickle& t) : trickle(t) {}
  std::uint64_t total_bytes() const override { return trickle.bytes.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    return trickle.next(std::span(trickle.bytes).subspan(offset), to);
  }
  Trickle& trickle;
};

Source Trickle::source(bool positional) {
  if (positional) return Source(std::make_unique<PositionalTrickle>(*this));
  return Source(std::make_unique<TrickleStream>(*this));
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

TEST_CASE("a sink that waits leaves the workers to others") {
  const Watchdog watchdog(std::chrono::seconds(60));
  Scene scene({.worker_threads = 1});
  for (const bool restoring : {false, true}) {
    Bytes sealed;
    scene.pipeline().process(Source::memory(scene.plain), Sink::memory(sealed));
    Door door;
    const auto wait = [&door](std::size_t call) {
      if (call > 0) door.wait();  // the first may be the header
    };
    Sink sink(std::make_unique<HookedSink>(scene.fate, wait));
    const Operation waiting =
        restoring
            ? start_restore(Source::memory(sealed), std::move(sink),
                            {.registry = registry_of({xor_stage()}), .runtime = scene.runtime})
            : scene.process(scene.good_source(), std::move(sink));
    door.until_someone_waits();
    for (int i = 0; i < 20; ++i) scene.process(scene.good_source(), Sink::discard()).get();
    door.open();
    CHECK(waiting.get().chunks == 12);
  }
}

TEST_CASE("an empty output that waits for the reader of its FIFO can be stopped") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const TempDir folder;
  const auto fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  Bytes empty;
  Pipeline::Builder().build().process(Source::owned({}), Sink::memory(empty));
  const auto stopped = [](std::stop_source& stop, auto&& run) {
    std::thread stopper([&stop] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      stop.request_stop();
    });
    CHECK(thrown_by(run).kind() == errc::cancelled);
    stopper.join();
  };
  for (const Runtime& runtime : {Runtime::serial(), Runtime({.worker_threads = 2})}) {
    std::stop_source stop;
    stopped(stop, [&] {
      restore(Source::memory(empty), fifo, {.stop = stop.get_token(), .runtime = runtime});
    });
    stop = std::stop_source();
    stopped(stop, [&] {
      salvage(Source::memory(empty), fifo, {.stop = stop.get_token(), .runtime = runtime});
    });
    stop = std::stop_source();
    stopped(stop, [&] {
      Pipeline::Builder()
          .add(tee(Sink(fifo)))
          .runtime(runtime)
          .build()
          .process(Source::owned({}), Sink::discard(), {.stop = stop.get_token()});
    });
  }
}

TEST_CASE("a source that cannot be woken is not read again after a stop") {
  const Watchdog watchdog(std::chrono::seconds(60));
  Scene scene({.worker_threads = 2});
  Bytes sealed;
  scene.pipeline().process(Source::memory(scene.plain), Sink::memory(sealed));
  for (const bool restoring : {false, true}) {
    const Bytes& input = restoring ? sealed : scene.plain;
    for (const bool positional : {false, true}) {
      for (const std::size_t stop_at : {std::size_t{3}, input.size() / 2}) {
        INFO(restoring << positional << ' ' << stop_at);
        Trickle trickle{input, stop_at};
        const std::stop_token stop = trickle.stop.get_token();
        const Operation operation =
            restoring ? start_restore(trickle.source(positional), Sink::discard(),
                                      {.stop = stop,
                                       .registry = registry_of({xor_stage()}),
                                       .runtime = scene.runtime,
                                       .max_in_flight = 1})
                      : scene.pipeline().start(trickle.source(positional), Sink::discard(),
                                               {.stop = stop, .max_in_flight = 1});
        CHECK(thrown_kind([&] { operation.get(); }) == errc::cancelled);
        CHECK(trickle.calls == stop_at + 1);
      }
    }
  }
}

TEST_CASE("whatever of a container is being read, a stop ends it before the next read") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const SharedKey key = SharedKey::generate();
  const Runtime runtime = Runtime::serial();
  Bytes sealed;
  Pipeline::Builder()
      .add(aes_256_gcm({.recipients = {key}}))
      .chunk_size(ChunkSize::from_bytes(4096))
      .runtime(runtime)
      .build()
      .process(Source::owned(random_bytes(50, 1)), Sink::memory(sealed));
  const Bytes plain = random_bytes(100, 1);
  const ZstFile frames = zst_file(plain, 20);
  const Bytes with_table = frames.with_table();
  const auto restore_options = [&](const std::stop_token& stop) {
    return RestoreOptions{.identities = {key}, .stop = stop, .runtime = runtime};
  };
  const auto verified = [&](Source source, const std::stop_token& stop) {
    verify(std::move(source), {.stop = stop, .runtime = runtime});
  };
  struct Reading {
    const char* name;
    const Bytes& input;
    bool positional;
    std::function<void(Source, const std::stop_token&)> run;
  };
  const Reading readings[] = {
      {"verify", sealed, true,
       [&](Source source, const auto& stop) { verify(std::move(source), restore_options(stop)); }},
      {"verify a stream", sealed, false,
       [&](Source source, const auto& stop) { verify(std::move(source), restore_options(stop)); }},
      {"salvage", sealed, true,
       [&](Source source, const auto& stop) {
         salvage(std::move(source), Sink::discard(), restore_options(stop));
       }},
      {"zstd frames", frames.bytes, true, verified},
      {"zstd frames and a seek table", with_table, true, verified},
      {"a stream of zstd frames", frames.bytes, false, verified},
      {"rekey", sealed, true,
       [&](Source source, const auto& stop) {
         rekey(std::move(source), Sink::discard(),
               {.identities = {key}, .add = {key}, .stop = stop});
       }},
  };
  for (const Reading& reading : readings) {
    const auto ends = [&](std::size_t stop_at) {
      Trickle trickle{reading.input, stop_at};
      const errc kind = thrown_kind(
          [&] { reading.run(trickle.source(reading.positional), trickle.stop.get_token()); });
      return std::pair(kind, trickle.calls.load());
    };
    const auto [kind, calls] = ends(SIZE_MAX);
    CHECK(kind == errc{});
    REQUIRE(calls >= reading.input.size());
    for (std::size_t at = 0; at < calls; ++at) {
      INFO(reading.name << ", read " << at << " of " << calls);
      CHECK(ends(at) == std::pair(errc::cancelled, at + 1));
    }
  }
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
