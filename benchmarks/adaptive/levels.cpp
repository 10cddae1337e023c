#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "input.hpp"

/// Seconds that it takes to compress a file into a sink of a certain rate, at each level and at an
/// adaptive one: levels FILE [ROUNDS]
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kHighest = 12;
constexpr double kRates[] = {5, 20, 80, 300, 0};  // MB/s; 0: unlimited

/// Like a link without a buffer: what it could have taken while it waited is lost.
class Link final : public adapipe::SinkImpl {
 public:
  explicit Link(double rate) : rate_(rate) {}
  void write(std::span<const std::byte> bytes) override {
    if (rate_ == 0) return;
    const std::chrono::duration<double> time(static_cast<double>(bytes.size()) / (rate_ * 1e6));
    free_at_ = std::max(free_at_, Clock::now()) + std::chrono::duration_cast<Clock::duration>(time);
    std::this_thread::sleep_until(free_at_);
  }
  void commit() override {}
  void abandon() noexcept override {}

 private:
  const double rate_;
  Clock::time_point free_at_{};
};

double seconds(const Bytes& data, adapipe::ZstdLevel level, double rate) {
  const auto pipeline = adapipe::Pipeline::Builder().add(adapipe::zstd({.level = level})).build();
  const adapipe::Report report =
      pipeline.process(adapipe::Source::memory(data), adapipe::Sink(std::make_unique<Link>(rate)));
  return std::chrono::duration<double>(report.wall).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void measure(const Bytes& data, int rounds) {
  std::printf("%-10s", "MB/s");
  for (int level = 1; level <= kHighest; ++level) std::printf("%7d", level);
  std::printf("%10s%8s\n", "adaptive", "/ best");
  for (const double rate : kRates) {
    std::vector<std::vector<double>> times(kHighest + 1);
    for (int round = 0; round < rounds; ++round) {
      for (int level = 1; level <= kHighest; ++level)
        times[static_cast<std::size_t>(level - 1)].push_back(seconds(data, level, rate));
      times.back().push_back(seconds(data, adapipe::adaptive(1, kHighest), rate));
    }
    rate == 0 ? std::printf("%-10s", "unlimited") : std::printf("%-10.0f", rate);
    double best = median(times.front());
    for (int level = 1; level <= kHighest; ++level) {
      const double time = median(times[static_cast<std::size_t>(level - 1)]);
      best = std::min(best, time);
      std::printf("%7.2f", time);
    }
    const double adaptive = median(times.back());
    std::printf("%10.2f%8.2f\n", adaptive, adaptive / best);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("usage: levels FILE [ROUNDS]");
  measure(read_file(argv[1]), argc > 2 ? std::atoi(argv[2]) : 3);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "levels: %s\n", error.what());
  return 1;
}
