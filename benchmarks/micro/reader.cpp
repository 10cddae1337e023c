#include <benchmark/benchmark.h>

#include <adapipe/adapipe.hpp>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace {

/// Shrinks to about a third, as source code does.
std::vector<std::byte> text(std::size_t bytes) {
  std::mt19937 random(1);
  std::vector<std::string> words(5000);
  for (std::string& word : words)
    for (std::uint32_t letters = 3 + random() % 8; letters > 0; --letters)
      word += static_cast<char>('a' + random() % 26);
  std::vector<std::byte> made;
  while (made.size() < bytes) {
    const std::string& word = words[random() % words.size()];
    for (const char letter : word) made.push_back(static_cast<std::byte>(letter));
    made.push_back(static_cast<std::byte>(' '));
  }
  made.resize(bytes);
  return made;
}

/// A range somewhere in a container that is open, none of it decoded before. Arguments: KiB of the
/// range, KiB of a chunk.
void read_range(benchmark::State& state) {
  using namespace adapipe;
  const std::vector<std::byte> plain = text(std::size_t{64} << 20);
  std::vector<std::byte> sealed, range(static_cast<std::size_t>(state.range(0)) * 1024);
  const SharedKey key = SharedKey::generate();
  Pipeline::Builder()
      .add(zstd())
      .add(aes_256_gcm({.recipients = {key}}))
      .chunk_size(ChunkSize::from_kib(static_cast<std::size_t>(state.range(1))))
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
  const Reader reader =
      Reader::open(Source::memory(sealed), {.identities = {key}, .cache_bytes = 0});
  std::mt19937 random(1);
  for (auto _ : state) reader.read_at(random() % (plain.size() - range.size()), range);
}
BENCHMARK(read_range)
    ->ArgNames({"KiB", "chunk"})
    ->ArgsProduct({{4, 1024}, {256, 1024, 4096}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
