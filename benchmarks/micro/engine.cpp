#include <benchmark/benchmark.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/observer.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kKiB = 1024;

/// Says how long it is and is read without a byte being touched.
class EmptySource final : public adapipe::PositionalSourceImpl {
 public:
  explicit EmptySource(std::uint64_t bytes) : bytes_(bytes) {}
  std::uint64_t total_bytes() const override { return bytes_; }
  std::size_t read_at(std::uint64_t, std::span<std::byte> to) override { return to.size(); }
  bool may_wait() const noexcept override { return false; }

 private:
  std::uint64_t bytes_;
};

/// Passes every chunk on. With a limit of its own the engine gives it a node of its own; without,
/// it runs in one node with its neighbours.
class NoOp final : public adapipe::Stage {
 public:
  NoOp(int number, std::size_t limit) : number_(number), limit_(limit) {}
  adapipe::StageInfo info() const override {
    return {.id = "benchmark.no_op." + std::to_string(number_)};
  }
  std::unique_ptr<adapipe::StageWorker> make_worker(adapipe::Direction) const override {
    struct Worker final : adapipe::StageWorker {
      adapipe::Outcome run(const adapipe::ChunkInfo&, std::span<const std::byte>,
                           adapipe::Buffer&) override {
        return adapipe::Outcome::unchanged;
      }
    };
    return std::make_unique<Worker>();
  }
  std::size_t max_concurrency() const override { return limit_; }

 private:
  const int number_;
  const std::size_t limit_;
};

adapipe::Runtime runtime_with(std::size_t workers,
                              std::shared_ptr<adapipe::Observer> observer = nullptr) {
  return workers == 0 ? adapipe::Runtime::serial()
                      : adapipe::Runtime({.worker_threads = workers, .observer = observer});
}

void count_chunks(benchmark::State& state, std::uint64_t chunks) {
  state.counters["per_chunk"] = benchmark::Counter(
      static_cast<double>(state.iterations() * static_cast<std::int64_t>(chunks)),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// What the engine itself costs per chunk: the smallest chunks there are, no stage; what remains
/// beside the graph is one XXH3 over 4 KiB, about 0.2 us. Arguments: worker threads; 0: the serial
/// runner, which has no graph; whether an observer is told of every step.
void chunk_overhead(benchmark::State& state) {
  constexpr std::uint64_t kChunks = 20'000;
  const auto pipeline =
      adapipe::Pipeline::Builder()
          .chunk_size(adapipe::ChunkSize::from_kib(4))
          .runtime(
              runtime_with(static_cast<std::size_t>(state.range(0)),
                           state.range(1) != 0 ? std::make_shared<adapipe::Observer>() : nullptr))
          .build();
  for (auto _ : state)
    pipeline.process(adapipe::Source(std::make_unique<EmptySource>(kChunks * 4 * kKiB)),
                     adapipe::Sink::discard());
  count_chunks(state, kChunks);
}
BENCHMARK(chunk_overhead)
    ->ArgNames({"workers", "observed"})
    ->Args({0, 0})
    ->ArgsProduct({{1, 2}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// Stages that do nothing, two workers, nothing recorded. Arguments: KiB of a chunk, how many
/// stages, whether each has a node of its own.
void no_op_stages(benchmark::State& state) {
  constexpr std::uint64_t kChunks = 20'000;
  const auto chunk_kib = static_cast<std::size_t>(state.range(0));
  const std::size_t limit = state.range(2) != 0 ? 2 : 0;
  adapipe::Pipeline::Builder builder;
  for (int i = 0; i < state.range(1); ++i) builder.add(std::make_shared<NoOp>(i, limit));
  const auto pipeline = builder.container(adapipe::Container::none)
                            .chunk_size(adapipe::ChunkSize::from_kib(chunk_kib))
                            .runtime(runtime_with(2))
                            .build();
  for (auto _ : state)
    pipeline.process(adapipe::Source(std::make_unique<EmptySource>(kChunks * chunk_kib * kKiB)),
                     adapipe::Sink::discard());
  count_chunks(state, kChunks);
}
BENCHMARK(no_op_stages)
    ->ArgNames({"KiB", "stages", "split"})
    ->ArgsProduct({{64, 4096}, {1, 3}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// How fast bytes go through the engine if nothing is done with them: each is copied in, summed up
/// for the record's check, and given to a sink that drops it. Arguments: worker threads, KiB of a
/// chunk.
void bytes_through(benchmark::State& state) {
  const std::vector<std::byte> data(std::size_t{256} << 20, std::byte{1});
  const auto pipeline =
      adapipe::Pipeline::Builder()
          .chunk_size(adapipe::ChunkSize::from_kib(static_cast<std::size_t>(state.range(1))))
          .runtime(runtime_with(static_cast<std::size_t>(state.range(0))))
          .build();
  for (auto _ : state) pipeline.process(adapipe::Source::memory(data), adapipe::Sink::discard());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(data.size()));
}
BENCHMARK(bytes_through)
    ->ArgNames({"workers", "KiB"})
    ->ArgsProduct({{1, 2}, {64, 1024, 4096}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// An operation that has nothing to do.
void empty_operation(benchmark::State& state) {
  const auto pipeline = adapipe::Pipeline::Builder().runtime(runtime_with(2)).build();
  for (auto _ : state)
    pipeline.process(adapipe::Source(std::make_unique<EmptySource>(0)), adapipe::Sink::discard());
}
BENCHMARK(empty_operation)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
