// A salvage while it runs: it is stopped, its input fails or changes, memory is short.

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "api/salvage_fixture.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/tamper.hpp"
#include "support/tamper_subjects.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

TEST_CASE("a file that is cut off while it is read is truncated, and nobody waits for the rest") {
  const Watchdog watchdog;
  const Subject& subject = subject_named("AES-256-GCM");
  const RestoreOptions& options = subject.options;
  for (std::size_t end = 0; end < subject.sealed.size(); ++end) {
    INFO("at byte " << end);
    const auto source = [&] { return Source(std::make_unique<CutSource>(subject.sealed, end)); };
    const errc expected = end == 0 ? errc::not_a_container : errc::truncated;
    const Error error = thrown_by([&] { salvage(source(), Sink::discard(), options); });
    CHECK(error.kind() == expected);
    CHECK(error.offset() == end);
    CHECK(thrown_kind([&] {
            rekey(source(), Sink::discard(),
                  {.identities = options.identities,
                   .add = {SharedKey::generate()},
                   .context = options.context});
          }) == expected);
    CHECK(thrown_kind([&] {
            Reader::open(source(), {.identities = options.identities,
                                    .context = options.context,
                                    .registry = options.registry});
          }) == expected);
  }
}

TEST_CASE("salvaging stops at any moment, and a failing input is an error, not a loss") {
  const Damaged damaged("integrity 1");
  std::size_t calls = 0;
  const auto run = [&](const BeforeCall& before, std::stop_token stop) {
    RestoreOptions options = damaged.subject.options;
    options.stop = std::move(stop);
    SinkFate fate;
    const errc kind = thrown_kind([&] {
      salvage(Source(std::make_unique<HookedSource>(damaged.bytes, false, before)),
              Sink(std::make_unique<HookedSink>(fate, BeforeCall())), options);
    });
    CHECK(fate.committed == (kind == errc{} ? 1 : 0));
    return kind;
  };
  CHECK(run([&](std::size_t) { ++calls; }, {}) == errc{});
  REQUIRE(calls > 8);
  for (std::size_t at = 0; at < calls; ++at) {
    INFO("read " << at);
    std::stop_source stop;
    std::size_t last = 0;
    CHECK(run(
              [&](std::size_t call) {
                last = call;
                if (call == at) stop.request_stop();
              },
              stop.get_token()) == errc::cancelled);
    CHECK(last <= at + 1);
    CHECK(run(
              [&](std::size_t call) {
                if (call == at) throw std::runtime_error("no disk");
              },
              {}) == errc::io_error);
  }
}

TEST_CASE("a stop ends a salvage between two writes, and none is too late before the commit") {
  for (const std::size_t chunk : {1u, 3u}) {  // zeros at the end, too
    const Damaged damaged("integrity 1", chunk);
    const auto salvaged = [&](std::size_t stopped_at) {
      SinkFate fate;
      std::stop_source stop;
      std::size_t calls = 0;
      auto sink = std::make_unique<HookedStreamSink>(fate, [&](std::size_t call) {
        ++calls;
        if (call == stopped_at) stop.request_stop();
      });
      RestoreOptions options = damaged.subject.options;
      options.stop = stop.get_token();
      const errc kind = thrown_kind(
          [&] { salvage(Source::memory(damaged.bytes), Sink(std::move(sink)), options); });
      CHECK(kind == (fate.committed == 1 ? errc{} : errc::cancelled));
      CHECK(fate.abandoned + fate.committed == 1);
      return std::pair(kind, calls);
    };
    const auto [kind, writes] = salvaged(SIZE_MAX);
    CHECK(kind == errc{});
    REQUIRE(writes > 2);
    for (std::size_t at = 0; at < writes; ++at) {
      INFO("chunk " << chunk << " lost, write " << at);
      CHECK(salvaged(at) == std::pair(errc::cancelled, at + 1));
    }
  }
}

TEST_CASE("a chunk whose record is damaged after it was found is lost, and the others are not") {
  const Subject& subject = subject_named("AES-128-GCM");
  const Tampered sound(subject.sealed);
  REQUIRE(sound.chunks() > 2);
  const std::size_t record_1_end =
      sound.head.size() + sound.records[0].size() + sound.records[1].size();
  Bytes bytes;
  Bytes back;
  std::size_t calls = 0;
  const auto salvaged = [&](std::size_t damaged_at) {
    bytes = subject.sealed;
    const BeforeCall damage = [&](std::size_t call) {
      calls = call + 1;
      if (call == damaged_at) bytes[record_1_end - 1] ^= std::byte{1};
    };
    return salvage(Source(std::make_unique<HookedSource>(bytes, false, damage)), Sink::memory(back),
                   subject.options);
  };
  CHECK(salvaged(SIZE_MAX).is_complete());
  const SalvageReport report = salvaged(calls - sound.chunks() + 1);  // each is read once more
  REQUIRE(report.lost.size() == 1);
  CHECK(report.lost[0].first_chunk == 1);
  CHECK(report.chunks == sound.chunks() - 1);
}

TEST_CASE("an input that changes while it is read gives no wrong byte") {
  const Subject& subject = subject_named("AES-128-GCM");
  const Tampered sound(subject.sealed);
  Tampered swapped = sound;
  swapped.swap(1, 2);
  REQUIRE(sound.records[1].size() == sound.records[2].size());
  for (const Bytes& later : {swapped.bytes(), Bytes(subject.sealed.size(), std::byte{0xEF})}) {
    std::size_t committed = 0;
    for (std::size_t at = 1; at < 30; ++at) {
      INFO("from read " << at << " on");
      Bytes bytes = subject.sealed;
      Bytes back;
      const BeforeCall change = [&](std::size_t call) {
        if (call == at) std::ranges::copy(later, bytes.begin());
      };
      if (thrown_kind([&] {
            salvage(Source(std::make_unique<HookedSource>(bytes, false, change)),
                    Sink::memory(back), subject.options);
          }) != errc{})
        continue;
      ++committed;
      REQUIRE(back.size() <= subject.plain.size());
      for (std::size_t i = 0; i < back.size(); ++i)
        if (back[i] != subject.plain[i] && back[i] != std::byte{})
          FAIL_CHECK("a wrong byte at " << i);
    }
    CHECK(committed > 0);
  }
}

TEST_CASE("salvaging keeps to the memory budget and gives it back") {
  constexpr std::size_t kMiB = 1024 * 1024;
  for (const bool compressed : {false, true}) {  // chunks whose records need as much, or nothing
    INFO("compressed: " << compressed);
    Pipeline::Builder builder;
    if (compressed) builder.add(zstd());
    Bytes sealed;
    builder.chunk_size(ChunkSize::from_bytes(kMiB))
        .build()
        .process(Source::owned(Bytes(2 * kMiB)), Sink::memory(sealed));
    for (const std::size_t budget : {kMiB / 2, 8 * kMiB}) {
      const Runtime runtime({.worker_threads = 1, .memory_bytes = budget});
      const errc kind = thrown_kind(
          [&] { salvage(Source::memory(sealed), Sink::discard(), {.runtime = runtime}); });
      CHECK(kind == (budget < kMiB ? errc::resource_exhausted : errc{}));
      CHECK(runtime.memory_in_use_bytes() == 0);
    }
  }
}

}  // namespace adapipe
