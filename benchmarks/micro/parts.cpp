#include <benchmark/benchmark.h>
#include <malloc.h>

#include <adapipe/chunk.hpp>
#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "cipher/openssl_aead.hpp"
#include "container/index.hpp"
#include "container/record.hpp"
#include "memory/buffer_access.hpp"
#include "memory/chunk_slot.hpp"
#include "memory/fifo_gate.hpp"

/// What the parts of the library cost, each alone.
namespace {

using namespace adapipe;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kHead = layout::kRecordHeaderBytes;

/// Argument 0: the cipher's number, or 0 for the records of a container without one.
RecordKeys keys_for(const benchmark::State& state) {
  RecordKeys keys;
  if (state.range(0) == 0) return keys;
  keys.integrity = Integrity::aead;
  keys.cipher = openssl_aead(static_cast<std::uint16_t>(state.range(0)));
  keys.key = SecretBytes(keys.cipher->key_bytes());
  return keys;
}

RecordHeader chunk_header(std::size_t bytes) {
  RecordHeader header;
  header.plain_bytes = static_cast<std::uint32_t>(bytes);
  return header;
}

void seal_record(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(1)) * kKiB;
  RecordProtector protector(keys_for(state));
  std::vector<std::byte> record(kHead + bytes + protector.overhead_bytes());
  const ByteSpan data = std::span(record).subspan(kHead, bytes);
  RecordHeader header = chunk_header(bytes);
  for (auto _ : state) {
    protector.seal(header, data, record.data());
    ++header.sequence;
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void open_record(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(1)) * kKiB;
  RecordProtector protector(keys_for(state));
  std::vector<std::byte> record(kHead + bytes + protector.overhead_bytes());
  const std::vector<std::byte> data(bytes);
  RecordHeader header = chunk_header(bytes);
  protector.seal(header, data, record.data());
  const std::vector<std::byte> sealed = record;
  for (auto _ : state) {
    state.PauseTiming();  // it is opened where it lies
    record = sealed;
    state.ResumeTiming();
    benchmark::DoNotOptimize(
        protector.open(std::span(record).first<kHead>(), header, std::span(record).subspan(kHead)));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

const std::vector<std::vector<std::int64_t>> kProtections = {
    {0, kAes256Gcm, kAes128Gcm, kChaCha20Poly1305}, {4, 64, 4096}};
BENCHMARK(seal_record)->ArgNames({"cipher", "KiB"})->ArgsProduct(kProtections);
BENCHMARK(open_record)->ArgNames({"cipher", "KiB"})->ArgsProduct(kProtections);

Index index_of(std::int64_t chunks) {
  Index index;
  for (std::int64_t i = 0; i < chunks; ++i)
    index.add({.stored_bytes = static_cast<std::uint32_t>(1000 + i % 100), .plain_bytes = 4096});
  return index;
}

void encode_index(benchmark::State& state) {
  const Index index = index_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(index.encode());
}
BENCHMARK(encode_index)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void decode_index(benchmark::State& state) {
  const std::vector<std::byte> content = index_of(state.range(0)).encode();
  for (auto _ : state) benchmark::DoNotOptimize(Index::decode(content));
}
BENCHMARK(decode_index)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

/// Filling a buffer that is used again, as those of the slots are, and one whose memory has just
/// come from the system.
void fill_buffer(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0)) * kKiB;
  const bool is_fresh = state.range(1) != 0;
  std::optional<Buffer> buffer(std::in_place);
  for (auto _ : state) {
    if (is_fresh) {
      state.PauseTiming();
      buffer.emplace();
      malloc_trim(0);
      state.ResumeTiming();
    }
    BufferAccess::allocate(*buffer, bytes);
    std::fill_n(buffer->data(), bytes, std::byte{1});
    benchmark::DoNotOptimize(buffer->data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(fill_buffer)->ArgNames({"KiB", "fresh"})->ArgsProduct({{64, 4096}, {0, 1}});

void take_and_give_slot(benchmark::State& state) {
  static SlotPool slots(16);
  for (auto _ : state) slots.give(slots.take());
}
BENCHMARK(take_and_give_slot)->ThreadRange(1, 2)->UseRealTime();

void admit(benchmark::State& state) {
  static FifoGate gate(16);
  const int who = state.thread_index();
  for (auto _ : state) {
    std::size_t taken = 0;
    gate.enter(
        &who, [](std::size_t free) { return free > 0 ? std::size_t{1} : 0; },
        [&taken](std::size_t units) { taken = units; });
    gate.leave(taken);
  }
}
BENCHMARK(admit)->ThreadRange(1, 2)->UseRealTime();

}  // namespace
