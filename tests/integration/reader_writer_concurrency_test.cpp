#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/pipelines.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

TEST_CASE("reading and writing go on wherever a host calls from") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = compressible_bytes(100 * kChunk + 1, 1);
  // Whether everything came back; not checked in here, as a test's checks are for one thread.
  const auto all_comes_back = [&](const Runtime& runtime) {
    const Pipeline pipeline = pipeline_on(runtime);
    Bytes sealed;
    Writer writer(pipeline, Sink::memory(sealed));
    for (std::size_t at = 0; at < plain.size(); at += 1000)
      writer.write(std::span(plain).subspan(at, std::min<std::size_t>(1000, plain.size() - at)));
    writer.finish();
    const Reader reader = Reader::open(Source::memory(sealed), {.runtime = runtime});
    Bytes by_pages(plain.size()), at_once(plain.size()), started(plain.size());
    for (std::size_t at = 0; at < plain.size();)
      at += reader.read_at(
          at, std::span(by_pages).subspan(at).first(std::min<std::size_t>(999, plain.size() - at)));
    reader.read_at(0, at_once);
    reader.start_read(0, started).get();
    return by_pages == plain && at_once == plain && started == plain;
  };
  for (const std::size_t workers : {1u, 2u}) {
    const Runtime runtime({.worker_threads = workers});
    CHECK(all_comes_back(runtime));
    {
      const oneapi::tbb::global_control one(oneapi::tbb::global_control::max_allowed_parallelism,
                                            1);
      CHECK(all_comes_back(runtime));
      CHECK(all_comes_back(Runtime({.worker_threads = workers})));
    }
    oneapi::tbb::task_arena arena;
    std::atomic<int> came_back{0};
    arena.execute([&] {
      oneapi::tbb::parallel_for(0, 16, [&](int) {
        if (all_comes_back(runtime)) ++came_back;
      });
    });
    CHECK(came_back == 16);
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("1,000 reads and 20 Writers at once on one Runtime all complete within its budget") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const Bytes plain = compressible_bytes(20 * kChunk + 1, 1);
  const Runtime runtime(
      {.worker_threads = 2, .memory_bytes = 256 << 20, .max_concurrent_operations = 50});
  const Pipeline pipeline = pipeline_on(runtime);
  std::vector<Bytes> sealed(20);
  std::vector<std::unique_ptr<Writer>> writers;
  for (Bytes& to : sealed) {
    writers.push_back(std::make_unique<Writer>(pipeline, Sink::memory(to)));
    writers.back()->write(std::span(plain).first(plain.size() / 2));
  }
  for (const auto& writer : writers) writer->write(std::span(plain).subspan(plain.size() / 2));
  CHECK(runtime.memory_in_use_bytes() <= runtime.memory_bytes());
  for (const auto& writer : writers) CHECK(writer->finish().input_bytes == plain.size());
  std::vector<Reader> readers;
  for (const Bytes& from : sealed)
    readers.push_back(Reader::open(Source::memory(from), {.runtime = runtime}));
  std::vector<Bytes> back(1000, Bytes(plain.size()));
  std::vector<Operation> reads;
  for (std::size_t i = 0; i < back.size(); ++i)
    reads.push_back(readers[i % readers.size()].start_read(0, back[i]));
  for (const Operation& read : reads) CHECK(read.get().output_bytes == plain.size());
  CHECK(std::all_of(back.begin(), back.end(), [&](const Bytes& one) { return one == plain; }));
  CHECK(runtime.memory_in_use_bytes() == 0);
}

}  // namespace adapipe
