// How much at once: what the machine grants, what a chunk costs, what is in use.
//
//   example_concurrency_limits FILE...

#include <adapipe/adapipe.hpp>
#include <adapipe/concurrency.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <future>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

const adapipe::ChunkSize kChunkSize = adapipe::ChunkSize::from_kib(256);

adapipe::Pipeline pipeline_on(const adapipe::Runtime& runtime) {
  return adapipe::Pipeline::Builder()
      .add(adapipe::zstd({.level = 9}))
      .chunk_size(kChunkSize)
      .runtime(runtime)
      .build();
}

// -- adaptive worker count ------------------------------------------------------------------------
// Threads that wait leave their CPU to others, so there may be more of them.
void show_worker_counts() {
  using adapipe::Workload;
  std::cout << "threads for CPU-bound, mixed, I/O-bound work: "
            << adapipe::optimal_worker_count(Workload::cpu_bound) << ", "
            << adapipe::optimal_worker_count(Workload::mixed) << ", "
            << adapipe::optimal_worker_count(Workload::io_bound) << '\n';
}

// -- resource limits: `max_parallel_chunks(chunk_size)` -------------------------------------------
// A chunk in flight costs more than its bytes: two buffers, and the codec's contexts. At level 9
// the contexts are most of it.
void show_limits(const adapipe::Pipeline& pipeline) {
  const adapipe::ResourceLimits limits{.memory_bytes = 64 << 20, .tasks = 1000};
  std::cout << "a chunk of " << kChunkSize.bytes() / 1024 << " KiB costs "
            << pipeline.bytes_in_flight(kChunkSize) / 1024 << " KiB; 64 MiB hold "
            << limits.max_parallel_chunks(kChunkSize, pipeline) << " of them\n";
}

// -- choosing a concurrency level -----------------------------------------------------------------
// No more than the file has chunks, than memory holds, and than twice the CPUs.
void show_level(const std::string& file, const adapipe::Pipeline& pipeline) {
  const std::size_t level = adapipe::optimal_concurrency(std::filesystem::file_size(file),
                                                         kChunkSize, 64 << 20, pipeline);
  const auto report = pipeline.process(file, adapipe::Sink::discard(), {.max_in_flight = level});
  std::cout << file << ": " << report.chunks << " chunks, " << report.max_in_flight
            << " in flight, " << report.peak_buffer_bytes / 1024 << " KiB held\n";
}

// -- two levels: global tokens over all files, local limit per file ------------------------------
// However many files are under way, they share the workers and the byte budget of one Runtime; and
// each of them keeps to its own limit.
void show_two_levels(const std::vector<std::string>& files, const adapipe::Pipeline& pipeline,
                     const adapipe::Runtime& runtime) {
  std::vector<adapipe::Operation> operations;
  for (int round = 0; round < 10; ++round)
    for (const std::string& file : files)
      operations.push_back(pipeline.start(file, adapipe::Sink::discard(), {.max_in_flight = 8}));
  const adapipe::AllOperations all = adapipe::when_all(std::move(operations));
  std::size_t most_bytes = 0;
  while (!all.wait_for(std::chrono::milliseconds(1)))
    most_bytes = std::max(most_bytes, runtime.memory_in_use_bytes());
  for (const adapipe::Report& report : all.get())
    if (report.max_in_flight > 8) std::cout << "a file had more than its limit\n";
  std::cout << all.operations().size() << " operations on " << runtime.worker_threads()
            << " workers, " << (most_bytes <= runtime.memory_bytes() ? "within" : "over")
            << " the budget\n";
}

// -- rate limiting --------------------------------------------------------------------------------
// A limit is a token bucket; who shares the handle shares the rate. It begins empty, so these bytes
// take at least their time.
void show_rate_limit(const std::string& file, const adapipe::Pipeline& pipeline) {
  constexpr std::uint64_t kBytesPerSecond = 20'000'000;
  const auto report = pipeline.process(file, adapipe::Sink::discard(),
                                       {.rate_limit = adapipe::rate_limit(kBytesPerSecond)});
  const std::chrono::duration<double> least(static_cast<double>(report.input_bytes) /
                                            kBytesPerSecond);
  std::cout << "at 20 MB/s, faster than that: " << (report.wall < least ? "yes" : "no") << '\n';
}

// -- resource tracker with guards -----------------------------------------------------------------
// A guard goes where the work goes, and gives back where it ends.
void show_tracker(const adapipe::Runtime& runtime) {
  adapipe::ResourceTracker tracker({.tasks = 3});
  adapipe::WorkerPool pool(2, runtime);
  std::vector<std::future<void>> running;
  std::promise<void> go;
  const std::shared_future<void> started = go.get_future().share();
  int refused = 0;
  for (int i = 0; i < 5; ++i) {
    if (auto task = tracker.try_acquire(adapipe::Resource::tasks))
      running.push_back(pool.execute([task = std::move(*task), started] { started.wait(); }));
    else
      ++refused;
  }
  std::cout << "tasks: " << tracker.in_use(adapipe::Resource::tasks) << " taken, " << refused
            << " refused";
  go.set_value();
  for (auto& one : running) one.get();
  std::cout << "; in the end " << tracker.in_use(adapipe::Resource::tasks) << ", at most "
            << tracker.peak(adapipe::Resource::tasks) << '\n';
}

// -- mutex, rwlock; avoiding contention -----------------------------------------------------------
// Each worker thread has a StageWorker of its own, so a stage needs no lock on its chunks. What is
// shared is read: many threads use one Reader, one Pipeline, one key.
void show_sharing(const std::string& file, const adapipe::Pipeline& pipeline,
                  const adapipe::Runtime& runtime) {
  std::vector<std::byte> sealed;
  const auto made = pipeline.process(file, adapipe::Sink::memory(sealed));
  const auto reader = adapipe::Reader::open(adapipe::Source::memory(sealed), {.runtime = runtime});
  std::vector<std::future<std::size_t>> parts;
  for (std::uint64_t part = 0; part < 4; ++part)
    parts.push_back(std::async(std::launch::async, [&reader, part] {
      const std::uint64_t begin = reader.size() * part / 4;
      std::vector<std::byte> bytes(reader.size() * (part + 1) / 4 - begin);
      return reader.read_at(begin, bytes);
    }));
  std::size_t bytes = 0;
  for (auto& part : parts) bytes += part.get();
  std::cout << "four threads read " << (bytes == made.input_bytes ? "all" : "not all")
            << " of it from one Reader\n";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::cerr << "usage: example_concurrency_limits FILE...\n";
    return 64;
  }
  const std::vector<std::string> files(argv + 1, argv + argc);
  const adapipe::Runtime runtime({.worker_threads = 2, .memory_bytes = 64 << 20});
  const adapipe::Pipeline pipeline = pipeline_on(runtime);
  show_worker_counts();
  show_limits(pipeline);
  for (const std::string& file : files) show_level(file, pipeline);
  show_two_levels(files, pipeline, runtime);
  show_rate_limit(files.front(), pipeline);
  show_tracker(runtime);
  show_sharing(files.front(), pipeline, runtime);
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
