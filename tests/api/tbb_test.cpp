#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_group.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <adapipe/tbb.hpp>
#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;
using oneapi::tbb::task_arena;

TEST_CASE("attach() takes over the concurrency of the host's arena, or what the options say") {
  for (const int places : {1, 2, 5}) {
    const task_arena arena(places);
    CHECK(attach(arena).worker_threads() == static_cast<std::size_t>(places));
    CHECK(attach(arena, {.worker_threads = 3}).worker_threads() == 3);
    const Runtime runtime = attach(arena, {.memory_bytes = 1 << 20});
    CHECK(runtime.memory_bytes() == 1 << 20);
    CHECK_FALSE(runtime.is_serial());
  }
  const task_arena automatic;
  CHECK(attach(automatic).worker_threads() ==
        static_cast<std::size_t>(automatic.max_concurrency()));
}

TEST_CASE("an attached Runtime needs no place in the host's arena, and runs nothing there") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(50 * kChunk, 1);
  task_arena arena(1, 0);
  std::latch busy(1);
  const auto door = std::make_shared<Door>();
  std::mutex mutex;
  std::set<std::thread::id> hosts_threads;
  arena.enqueue([&, door] {  // on the only place, and beyond the end of the test
    {
      const std::lock_guard lock(mutex);
      hosts_threads.insert(std::this_thread::get_id());
    }
    busy.count_down();
    door->wait();
  });
  busy.wait();
  const Runtime runtime = attach(arena);
  std::atomic<bool> strayed{false};
  const auto stage = make_stage("test.looks", [&](const ChunkInfo&, auto, auto&) {
    const std::lock_guard lock(mutex);
    if (hosts_threads.contains(std::this_thread::get_id())) strayed = true;
    return Outcome::unchanged;
  });
  CHECK(pipeline_on(runtime, stage).process(Source::memory(plain), Sink::discard()).chunks == 50);
  CHECK_FALSE(strayed);
  door->open();
}

TEST_CASE("within the host's own arena, with a lock held, nothing of the host's is entered") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(10 * kChunk, 1);
  task_arena arena(2);
  const Runtime runtime = attach(arena);
  const Pipeline pipeline = pipeline_on(runtime, xor_stage());
  std::mutex host_lock;
  static thread_local int depth = 0;
  std::atomic<bool> nested{false};
  std::atomic<int> done{0};
  arena.execute([&] {
    oneapi::tbb::parallel_for(0, 64, [&](int) {
      if (++depth != 1) nested = true;
      const std::lock_guard lock(host_lock);
      pipeline.process(Source::memory(plain), Sink::discard());
      --depth;
      ++done;
    });
  });
  CHECK(done == 64);
  CHECK_FALSE(nested);
}

TEST_CASE("an attached Runtime outlives the arena that it was made after") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(10 * kChunk, 1);
  const Runtime runtime = [] {
    task_arena arena(2);
    arena.execute([] {});
    return attach(arena);
  }();
  CHECK(pipeline_on(runtime, xor_stage()).process(Source::memory(plain), Sink::discard()).chunks ==
        10);
}

// oneTBB (2021.8) opens its library for binding with RTLD_DEEPBIND, at which AddressSanitizer ends
// the process.
#ifndef ADAPIPE_TEST_ADDRESS_SANITIZER

TEST_CASE("workers keep to the CPUs that the host's constraints stand for") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(kChunk, 1);
  const std::vector<unsigned> before = cpus_of_this_thread();
  const auto kept_to = [&](const Runtime& runtime) {
    std::vector<unsigned> cpus;
    const auto stage = make_stage("test.looks", [&](const ChunkInfo&, auto, auto&) {
      cpus = cpus_of_this_thread();
      return Outcome::unchanged;
    });
    pipeline_on(runtime, stage).process(Source::memory(plain), Sink::discard());
    return cpus;
  };
  for (const oneapi::tbb::numa_node_id node : oneapi::tbb::info::numa_nodes()) {
    const task_arena::constraints constraints =
        task_arena::constraints{}.set_numa_id(node).set_max_concurrency(2);
    task_arena arena(constraints);
    std::vector<unsigned> cpus_of_arena;
    arena.execute([&] { cpus_of_arena = cpus_of_this_thread(); });
    const Runtime runtime = attach(arena, constraints);
    CHECK(runtime.worker_threads() == 2);
    CHECK(kept_to(runtime) == cpus_of_arena);
    CHECK(kept_to(attach(arena, constraints, {.cpus = {before.front()}})) ==
          std::vector{before.front()});
  }
  CHECK(cpus_of_this_thread() == before);
}

#endif

TEST_CASE("a stage that waits for parallel work of its own does not meet its own chunk again") {
  const Watchdog watchdog(std::chrono::seconds(60));
  std::jthread elsewhere;
  // It waits for a task that is nowhere in TBB's queues, so that the thread takes what else is
  // there.
  const auto stage = make_stage("test.waits", [&](const ChunkInfo&, auto in, auto& out) {
    oneapi::tbb::task_group work;
    elsewhere = std::jthread([part = work.defer([] {})]() mutable {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      part = {};  // it is no longer waited for
    });
    work.wait();
    return xor_bytes(in, out, std::byte{1});
  });
  const Bytes plain = random_bytes(kChunk, 1);
  const Runtime runtime({.worker_threads = 1});
  Bytes sealed;
  pipeline_on(runtime, stage).process(Source::memory(plain), Sink::memory(sealed));
  const Reader reader =
      Reader::open(Source::memory(sealed), {.registry = registry_of({stage}), .runtime = runtime});
  std::atomic<int> right{0};
  task_arena(1).execute([&] {
    oneapi::tbb::task_group readers;
    for (int i = 0; i < 2; ++i)
      readers.run([&] {
        std::byte first{};
        reader.read_at(0, {&first, 1});
        right += first == plain[0] ? 1 : 0;
      });
    readers.wait();
  });
  CHECK(right == 2);
}

}  // namespace adapipe
