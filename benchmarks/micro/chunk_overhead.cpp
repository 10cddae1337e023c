#include <benchmark/benchmark.h>

#include <adapipe/adapipe.hpp>
#include <cstddef>
#include <memory>

namespace {

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

/// What the engine itself costs per chunk: the smallest chunks there are, no stage; what remains
/// beside the graph is one XXH3 over 4 KiB, about 0.2 us. Argument: worker threads; 0: the serial
/// runner, which has no graph.
void chunk_overhead(benchmark::State& state) {
  constexpr std::uint64_t kChunks = 20'000;
  const auto workers = static_cast<std::size_t>(state.range(0));
  const adapipe::Runtime runtime =
      workers == 0 ? adapipe::Runtime::serial() : adapipe::Runtime({.worker_threads = workers});
  const auto pipeline = adapipe::Pipeline::Builder()
                            .chunk_size(adapipe::ChunkSize::from_kib(4))
                            .runtime(runtime)
                            .build();
  for (auto _ : state)
    pipeline.process(adapipe::Source(std::make_unique<EmptySource>(kChunks * 4096)),
                     adapipe::Sink::discard());
  state.counters["per_chunk"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kChunks,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(chunk_overhead)->Arg(0)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

/// An operation that has nothing to do.
void empty_operation(benchmark::State& state) {
  const adapipe::Runtime runtime({.worker_threads = 2});
  const auto pipeline = adapipe::Pipeline::Builder().runtime(runtime).build();
  for (auto _ : state)
    pipeline.process(adapipe::Source(std::make_unique<EmptySource>(0)), adapipe::Sink::discard());
}
BENCHMARK(empty_operation)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
