#include <fmt/format.h>

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/stuck.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr int kRounds = 100;

void print(const char* what, std::vector<double>& micros) {
  std::ranges::sort(micros);
  fmt::print("{} median {:8.0f} us, p99 {:8.0f} us", what, micros[kRounds / 2],
             micros[kRounds * 99 / 100]);
}

/// Runs `start` on a new Scene each time, stops what it started and prints how long that took, and
/// what the process worked meanwhile: on a busy machine the clock says little.
void measure(const char* where, const RuntimeOptions& options,
             const std::function<Operation(Scene&)>& start) {
  std::vector<double> clock, cpu;
  while (clock.size() < kRounds) {
    Scene scene(options);
    std::optional<Operation> operation(start(scene));
    std::this_thread::sleep_for(std::chrono::milliseconds(3));  // so that it does wait
    const auto begun = std::chrono::steady_clock::now();
    const std::clock_t worked = std::clock();
    end(operation, Way::cancel, scene.stop);
    cpu.push_back(1e6 * static_cast<double>(std::clock() - worked) / CLOCKS_PER_SEC);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
    clock.push_back(took.count());
  }
  fmt::print("{:32}", where);
  print("clock", clock);
  print("; CPU", cpu);
  fmt::print("\n");
}

Pipeline busy_pipeline(const Runtime& runtime) {
  return Pipeline::Builder()
      .add(zstd({.level = 12}))
      .chunk_size(ChunkSize::from_mib(1))
      .runtime(runtime)
      .build();
}

}  // namespace

// Run by hand: how long it takes from asking to the end, which no test should depend on.
TEST_CASE("how long stopping takes", "[.latency]") {
  for (const Situation& situation : stuck_situations())
    measure(situation.where, {.worker_threads = 2}, [&](Scene& scene) {
      Operation operation = situation.start(scene);
      scene.reached.get_future().wait();
      return operation;
    });

  for (const bool for_memory : {false, true}) {
    measure(for_memory ? "memory" : "a place",
            {.worker_threads = 2,
             .memory_bytes = 24 * 1024,
             .max_concurrent_operations = for_memory ? 2u : 1u},
            [&](Scene& scene) {
              scene.holder.emplace(scene.pipeline(), scene.plain);
              return scene.process(scene.good_source(), scene.good_sink());
            });
  }

  const Bytes plain = compressible_bytes(32 << 20, 1);
  const Report whole =
      busy_pipeline(Runtime({.worker_threads = 2})).process(Source::memory(plain), Sink::discard());
  const std::chrono::duration<double, std::micro> chunk =
      whole.cpu / static_cast<std::int64_t>(whole.chunks);
  fmt::print("a chunk of the next one takes {:.0f} us of CPU time\n", chunk.count());
  measure("its chunks at work", {.worker_threads = 2}, [&](Scene& scene) {
    return busy_pipeline(scene.runtime).start(Source::memory(plain), Sink::discard());
  });
}

}  // namespace adapipe
