#include <adapipe/adapipe.hpp>
#include <adapipe/metrics.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

/// How throughput grows with threads, and what bounds it: threads FILE FOLDER [ROUNDS]
///
/// Of one file's chunks, one is written at a time (so does the kernel, which locks the file), and
/// the graph's own serial nodes have one at a time; all else runs on as many threads as there are.
/// So N threads cannot move more than N / (CPU time of a chunk) chunks a second, nor more than 1 /
/// (serial time of a chunk). That is what is predicted for more threads than were measured; memory
/// bandwidth and storage can bound it before.
namespace {

namespace fs = std::filesystem;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kPredicted[] = {16, 64, 128};
const auto kChunk = adapipe::ChunkSize::from_mib(4);

/// What one run took; of each chunk, in seconds.
struct Run {
  double wall = 0;
  double cpu = 0;
  double write = 0;
};

using Job = std::function<adapipe::Report(const adapipe::Runtime&)>;

/// All that the engine does for a chunk, which is more than its serial nodes do.
double engine_seconds_per_chunk() {
  constexpr std::uint64_t kChunks = 100'000;
  struct Empty final : adapipe::PositionalSourceImpl {
    std::uint64_t total_bytes() const override { return kChunks * 4096; }
    std::size_t read_at(std::uint64_t, std::span<std::byte> to) override { return to.size(); }
    bool may_wait() const noexcept override { return false; }
  };
  const adapipe::Report report =
      adapipe::Pipeline::Builder()
          .container(adapipe::Container::none)
          .chunk_size(adapipe::ChunkSize::from_kib(4))
          .runtime(adapipe::Runtime({.worker_threads = 1}))
          .build()
          .process(adapipe::Source(std::make_unique<Empty>()), adapipe::Sink::discard());
  return Seconds(report.wall).count() / kChunks;
}

Run run(const Job& job, std::size_t threads) {
  const adapipe::Runtime runtime({.worker_threads = threads});
  const adapipe::Report report = job(runtime);
  const adapipe::Metrics metrics = runtime.metrics();
  const auto chunks = static_cast<double>(report.chunks);
  Run result{.wall = Seconds(report.wall).count()};
  for (const adapipe::StepMetrics& step : metrics.steps)
    if (step.step == adapipe::Step::write) result.write += Seconds(step.time.sum).count() / chunks;
  result.cpu = Seconds(metrics.worker_cpu_time).count() / chunks;
  return result;
}

double median(std::vector<Run>& runs, double Run::*figure) {
  std::sort(runs.begin(), runs.end(),
            [figure](const Run& a, const Run& b) { return a.*figure < b.*figure; });
  return runs[runs.size() / 2].*figure;
}

std::vector<std::size_t> thread_counts() {
  const std::size_t most = adapipe::cpus_of_this_thread().size();
  std::vector<std::size_t> counts;
  for (std::size_t count = 1; count < most; count *= 2) counts.push_back(count);
  counts.push_back(most);
  return counts;
}

void measure(const char* name, const Job& job, double bytes, double engine, int rounds) {
  const std::vector<std::size_t> counts = thread_counts();
  std::vector<std::vector<Run>> runs(counts.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < counts.size(); ++i) runs[i].push_back(run(job, counts[i]));
  const double one = median(runs.front(), &Run::wall);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double wall = median(runs[i], &Run::wall);
    std::printf("| %s | %zu | %.0f | %.2f | %.0f | %.1f |\n", name, counts[i], bytes / wall / 1e6,
                one / wall, median(runs[i], &Run::cpu) * 1e6, median(runs[i], &Run::write) * 1e6);
  }
  const double cpu = median(runs.front(), &Run::cpu);
  const double serial = median(runs.front(), &Run::write) + engine;
  const auto chunk_bytes = static_cast<double>(kChunk.bytes());
  for (const std::size_t threads : kPredicted) {
    const double seconds = std::max(cpu / static_cast<double>(threads), serial);
    std::printf("| %s | %zu, predicted | %.0f | %.1f | | |\n", name, threads,
                chunk_bytes / seconds / 1e6, cpu / seconds);
  }
  std::fflush(stdout);
}

void measure_all(const fs::path& in, const fs::path& folder, int rounds) {
  const auto bytes = static_cast<double>(fs::file_size(in));
  const adapipe::SharedKey key = adapipe::SharedKey::generate();
  const fs::path sealed = folder / "scaling.adapipe", out = folder / "scaling.out";
  const auto process = [&](bool compress, const fs::path& to) {
    return [&, compress, to](const adapipe::Runtime& runtime) {
      fs::remove(to);
      adapipe::Pipeline::Builder builder;
      if (compress) builder.add(adapipe::zstd());
      return builder.add(adapipe::aes_256_gcm({.recipients = {key}}))
          .chunk_size(kChunk)
          .runtime(runtime)
          .build()
          .process(adapipe::Source::file(in), adapipe::Sink::file(to));
    };
  };
  const Job restore = [&](const adapipe::Runtime& runtime) {
    fs::remove(out);
    return adapipe::restore(adapipe::Source::file(sealed), adapipe::Sink::file(out),
                            {.identities = {key}, .runtime = runtime});
  };
  const double engine = engine_seconds_per_chunk();
  std::printf("The engine takes %.2f us for a chunk.\n\n", engine * 1e6);
  std::printf(
      "| what | threads | MB/s | times one thread's | CPU us / chunk | write us / chunk |\n"
      "| --- | --- | --- | --- | --- | --- |\n");
  measure("process", process(true, sealed), bytes, engine, rounds);
  measure("restore", restore, bytes, engine, rounds);
  measure("encrypt only", process(false, out), bytes, engine, rounds);
  fs::remove(sealed);
  fs::remove(out);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) throw std::runtime_error("usage: threads FILE FOLDER [ROUNDS]");
  measure_all(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 3);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "threads: %s\n", error.what());
  return 1;
}
