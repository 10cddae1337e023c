// A stage with a data race, run by a pipeline. ThreadSanitizer has to report it: one that misses
// this race misses others.
#include <adapipe/adapipe.hpp>
#include <atomic>
#include <chrono>
#include <thread>

#include "support/bytes.hpp"
#include "support/stages.hpp"
#include "support/watchdog.hpp"

using namespace adapipe;
using namespace adapipe::testing;

int main() {
  const Watchdog watchdog(std::chrono::seconds(60));
  constexpr std::size_t kChunkBytes = 64 * 1024;
  std::atomic<int> inside{0};
  std::atomic<int> counted{0};
  int chunks = 0;
  const auto stage = make_stage("test.racy", [&](const ChunkInfo&, auto, auto&) {
    // Relaxed as they are, these order nothing: the race is there in every run. One counts after
    // the other, and stays until the other has: ThreadSanitizer may miss two who do at the very
    // same moment, and forgets the first if its thread has done much since.
    const int turn = inside.fetch_add(1, std::memory_order_relaxed);
    const auto wait_until = [](const std::atomic<int>& number, int least) {
      while (number.load(std::memory_order_relaxed) < least)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    wait_until(inside, 2);
    wait_until(counted, turn);
    ++chunks;
    counted.fetch_add(1, std::memory_order_relaxed);
    wait_until(counted, 2);
    return Outcome::unchanged;
  });
  Bytes sealed;
  Pipeline::Builder()
      .add(stage)
      .chunk_size(ChunkSize::from_bytes(kChunkBytes))
      .runtime(Runtime({.worker_threads = 2}))
      .build()
      .process(Source::owned(random_bytes(2 * kChunkBytes, 1)), Sink::memory(sealed));
  return chunks == 2 ? 0 : 1;
}
