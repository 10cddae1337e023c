// A stage with a data race, run by a pipeline. ThreadSanitizer has to report it: one that misses
// this race misses others.
#include <adapipe/adapipe.hpp>
#include <atomic>
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
  int chunks = 0;
  const auto stage = make_stage("test.racy", [&](const ChunkInfo&, auto, auto&) {
    // Both workers are here before either counts, and relaxed as it is, this orders nothing: the
    // race is there in every run.
    inside.fetch_add(1, std::memory_order_relaxed);
    while (inside.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
    ++chunks;
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
