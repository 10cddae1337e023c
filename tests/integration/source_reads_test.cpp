// Sources of the host's own that give less than they are asked for, or say that they gave more.

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunks = 12;

/// Bytes that are read up to offset `at`, and from there on `most_bytes` at a time.
struct ShortReads {
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) const {
    std::uint64_t count = std::min<std::uint64_t>(to.size(), bytes.size() - offset);
    count = std::min<std::uint64_t>(count, offset < at ? at - offset : most_bytes);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, to.begin());
    return static_cast<std::size_t>(count);
  }
  const Bytes& bytes;
  std::uint64_t at;
  std::uint64_t most_bytes;
};

/// Says at its read number `at` that it gave `claim` bytes, whatever it was asked for.
struct FalseCounts {
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) {
    const std::size_t count = std::min<std::uint64_t>(to.size(), bytes.size() - offset);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, to.begin());
    if (reads++ != at) return count;
    has_lied = true;
    return claim == 1 ? to.size() + 1 : claim;
  }
  const Bytes& bytes;
  std::size_t at;
  std::size_t claim;
  bool& has_lied;
  std::size_t reads = 0;
};

template <typename Reads>
Source source_of(const Reads& reads, bool as_stream) {
  struct Positional final : PositionalSourceImpl {
    explicit Positional(const Reads& r) : reads(r) {}
    std::uint64_t total_bytes() const override { return reads.bytes.size(); }
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
      return reads.read_at(offset, to);
    }
    bool may_wait() const noexcept override { return false; }
    std::string name() const override { return "odd source"; }
    Reads reads;
  };
  struct Stream final : SourceImpl {
    explicit Stream(const Reads& r) : reads(r) {}
    std::size_t read(std::span<std::byte> to) override {
      const std::size_t count = reads.read_at(offset, to);
      offset += count;
      return count;
    }
    std::string name() const override { return "odd source"; }
    Reads reads;
    std::uint64_t offset = 0;
  };
  if (as_stream) return Source(std::make_unique<Stream>(reads));
  return Source(std::make_unique<Positional>(reads));
}

Sink good_sink(SinkFate& fate) { return Sink(std::make_unique<HookedSink>(fate, BeforeCall())); }

}  // namespace

TEST_CASE("short reads at any chunk are read on, and an early end is an error that says where") {
  for (const NamedRuntime& runtime : test_runtimes())
    for (const bool restores : {false, true})
      for (const bool as_stream : {false, true})
        for (std::size_t k = 0; k < kChunks; ++k) {
          const Watchdog watchdog(std::chrono::seconds(60));
          INFO(runtime.name << ", " << (restores ? "restore" : "process") << ", "
                            << (as_stream ? "stream" : "positional") << " at " << k);
          const Pipeline pipeline = pipeline_on(runtime.runtime, xor_stage());
          const RestoreOptions options{.registry = registry_of({xor_stage()}),
                                       .runtime = runtime.runtime};
          const Bytes plain = random_bytes(kChunks * kChunk, 1);
          Bytes sealed;
          pipeline.process(Source::memory(plain), Sink::memory(sealed));
          const auto run = [&](std::size_t most_bytes, Sink sink) {
            Source source = source_of(
                ShortReads{restores ? sealed : plain, k * kChunk + 500, most_bytes}, as_stream);
            if (restores)
              restore(std::move(source), std::move(sink), options);
            else
              pipeline.process(std::move(source), std::move(sink));
          };
          Bytes out;
          run(1, Sink::memory(out));
          if (!restores) {
            sealed = std::exchange(out, {});
            restore(Source::memory(sealed), Sink::memory(out), options);
          }
          CHECK(out == plain);
          if (as_stream && !restores) continue;  // that is how a stream ends
          SinkFate fate;
          const Error error = thrown_by([&] { run(0, good_sink(fate)); });
          CHECK(error.kind() == (restores ? errc::truncated : errc::io_error));
          CHECK(error.path() == "odd source");
          CHECK(error.offset().has_value());
          CHECK(fate.committed == 0);
          CHECK(runtime.runtime.memory_in_use_bytes() == 0);
        }
}

TEST_CASE("a source that says that it gave more than it was asked for is not believed") {
  const Runtime serial = Runtime::serial();
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  const SharedKey key = SharedKey::generate();
  const Pipeline plain_pipeline = pipeline_on(serial, xor_stage());
  Bytes sealed;
  Pipeline::Builder()
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .add(aes_256_gcm({.recipients = {key}}))
      .runtime(serial)
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
  Bytes frames;
  Pipeline::Builder()
      .add(zstd())
      .container(Container::zstd_seekable)
      .runtime(serial)
      .build()
      .process(Source::memory(plain), Sink::memory(frames));
  const RestoreOptions with_key{.identities = {key}, .runtime = serial};
  const RestoreOptions limited{
      .identities = {key}, .runtime = serial, .rate_limit = rate_limit(std::uint64_t{1} << 36)};
  struct Use {
    const char* name;
    const Bytes& input;
    bool as_stream;
    std::function<void(Source, Sink)> run;
  };
  const auto process = [&](Source source, Sink sink) {
    plain_pipeline.process(std::move(source), std::move(sink));
  };
  const auto restored = [&](Source source, Sink sink) {
    restore(std::move(source), std::move(sink), with_key);
  };
  const auto from_frames = [&](Source source, Sink sink) {
    restore(std::move(source), std::move(sink), {.runtime = serial});
  };
  const auto slowly = [&](Source source, Sink sink) {
    restore(std::move(source), std::move(sink), limited);
  };
  const auto read = [&](Source source, Sink) {
    Bytes out(plain.size());
    Reader::open(std::move(source), {.identities = {key}, .runtime = serial}).read_at(0, out);
  };
  const auto salvaged = [&](Source source, Sink sink) {
    salvage(std::move(source), std::move(sink), with_key);
  };
  const auto rekeyed = [&](Source source, Sink sink) {
    rekey(std::move(source), std::move(sink), {.identities = {key}, .add = {key}});
  };
  const Use uses[] = {{"process", plain, false, process},
                      {"process a stream", plain, true, process},
                      {"restore", sealed, false, restored},
                      {"restore a stream", sealed, true, restored},
                      {"restore frames", frames, false, from_frames},
                      {"restore a stream of frames", frames, true, from_frames},
                      {"restore within a limit", sealed, false, slowly},
                      {"read", sealed, false, read},
                      {"salvage", sealed, false, salvaged},
                      {"rekey", sealed, false, rekeyed}};
  for (const Use& use : uses)
    for (const std::size_t claim : {std::size_t{1}, SIZE_MAX, SIZE_MAX / 2}) {
      bool has_lied = true;
      for (std::size_t at = 0; has_lied; ++at) {
        has_lied = false;
        INFO(use.name << ", read " << at << ", claim " << claim);
        SinkFate fate;
        const auto run = [&] {
          use.run(source_of(FalseCounts{use.input, at, claim, has_lied}, use.as_stream),
                  good_sink(fate));
        };
        try {
          run();
          CHECK_FALSE(has_lied);
        } catch (const Error& error) {
          CHECK(error.kind() == errc::io_error);
          CHECK(error.message() == "gave more bytes than it was asked for");
          CHECK(fate.committed == 0);
        }
      }
    }
}

}  // namespace adapipe
