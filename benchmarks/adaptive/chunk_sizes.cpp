#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "input.hpp"

/// Is the chunk size that adapipe chooses a good one? Compresses and encrypts the beginning of a
/// file, repeated as often as it takes, with chunks of each size, that many in flight, and as
/// adapipe has it: chunk_sizes FILE [ROUNDS [LARGEST_BYTES]]
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
constexpr std::size_t kInputs[] = {64 * kKiB, kMiB, 16 * kMiB, 128 * kMiB, 1300 * kMiB};
constexpr std::size_t kChunks[] = {64 * kKiB, 256 * kKiB, kMiB, 4 * kMiB, 16 * kMiB};
constexpr double kSecondsOfCell = 0.1;  // a cell that takes less is repeated within its round

struct Cell {
  std::size_t chunk_bytes = 0;  // 0: adapipe's choice, of the chunks in flight as well
  std::size_t in_flight = 0;
  std::vector<double> seconds{};
  std::uint64_t stored_bytes = 0;

  double median() {
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }
};

void repeat_until(Bytes& data, std::size_t bytes) {
  data.reserve(bytes);
  for (std::size_t from = 0; data.size() < bytes; ++from) data.push_back(data[from]);
}

void run(Cell& cell, const adapipe::SharedKey& key, std::span<const std::byte> data) {
  adapipe::Pipeline::Builder builder;
  builder.add(adapipe::zstd()).add(adapipe::aes_256_gcm({.recipients = {key}}));
  if (cell.chunk_bytes != 0) builder.chunk_size(adapipe::ChunkSize::from_bytes(cell.chunk_bytes));
  const adapipe::Pipeline pipeline = builder.build();
  double seconds = 0;
  int runs = 0;
  for (; seconds < kSecondsOfCell; ++runs) {
    const adapipe::Report report = pipeline.process(
        adapipe::Source::memory(data), adapipe::Sink::discard(), {.max_in_flight = cell.in_flight});
    seconds += std::chrono::duration<double>(report.wall).count();
    cell.stored_bytes = report.output_bytes;
  }
  cell.seconds.push_back(seconds / runs);
}

std::string size_name(std::size_t bytes) {
  return bytes < kMiB ? std::to_string(bytes / kKiB) + " KiB"
                      : std::to_string(bytes / kMiB) + " MiB";
}

std::string name_of(const Cell& cell) {
  return size_name(cell.chunk_bytes) + " x " + std::to_string(cell.in_flight);
}

/// The fastest of the cells whose output is at most 1% larger, and the smallest of those that take
/// at most 5% longer: the choice is a good one if it is close to both.
void print_row(std::size_t bytes, std::vector<Cell>& cells) {
  Cell& ours = cells.front();
  Cell *fastest = &ours, *smallest = &ours;
  for (Cell& cell : cells) {
    const bool as_small =
        static_cast<double>(cell.stored_bytes) <= 1.01 * static_cast<double>(ours.stored_bytes);
    if (as_small && cell.median() < fastest->median()) fastest = &cell;
    if (cell.median() <= 1.05 * ours.median() && cell.stored_bytes < smallest->stored_bytes)
      smallest = &cell;
  }
  const auto megabytes = static_cast<double>(bytes) / 1e6;
  std::printf("| %s | %.0f | %.4f | %s | %.3f | %s | %.4f |\n", size_name(bytes).c_str(),
              megabytes / ours.median(),
              static_cast<double>(ours.stored_bytes) / static_cast<double>(bytes),
              fastest == &ours ? "itself" : name_of(*fastest).c_str(),
              ours.median() / fastest->median(),
              smallest == &ours ? "itself" : name_of(*smallest).c_str(),
              static_cast<double>(ours.stored_bytes) / static_cast<double>(smallest->stored_bytes));
  std::fflush(stdout);
}

void measure(Bytes data, int rounds, std::size_t largest_bytes) {
  const adapipe::SharedKey key = adapipe::SharedKey::generate();
  const std::size_t workers = adapipe::Runtime::shared().worker_threads();
  std::printf(
      "| input | MB/s | size | fastest, as small | time / its | smallest, as fast | size / its |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n");
  for (const std::size_t bytes : kInputs) {
    if (bytes > largest_bytes) break;
    repeat_until(data, bytes);
    std::vector<Cell> cells(1);
    for (const std::size_t chunk_bytes : kChunks) {
      if (chunk_bytes >= 4 * bytes) break;  // as one chunk is
      for (const std::size_t in_flight : {workers + 1, 2 * workers + 2, 4 * workers})
        cells.push_back({.chunk_bytes = chunk_bytes, .in_flight = in_flight});
    }
    for (int round = 0; round < rounds; ++round)
      for (Cell& cell : cells) run(cell, key, std::span(data).first(bytes));
    print_row(bytes, cells);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("usage: chunk_sizes FILE [ROUNDS [LARGEST_BYTES]]");
  measure(read_file(argv[1]), argc > 2 ? std::atoi(argv[2]) : 3,
          argc > 3 ? std::stoull(argv[3]) : SIZE_MAX);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "chunk_sizes: %s\n", error.what());
  return 1;
}
