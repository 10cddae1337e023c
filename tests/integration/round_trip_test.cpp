#include "support/round_trip.hpp"

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoint_kinds.hpp"
#include "support/stages.hpp"
#include "support/temp_dir.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 64 * 1024;

std::vector<std::size_t> sizes() {
  return {0, 1, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk, 5 * kChunk + 7};
}

}  // namespace

TEST_CASE("every pipeline gives back every size, on every runtime") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const SharedKey key = SharedKey::generate();
  for (const NamedRuntime& runtime : test_runtimes()) {
    for (const NamedPipeline& kind : pipeline_kinds(key)) {
      for (const std::size_t size : sizes()) {
        for (const bool compressible : {true, false}) {
          INFO(runtime.name << ", " << kind.name << ", " << size << " bytes, compressible "
                            << compressible);
          const Bytes plain =
              compressible ? compressible_bytes(size, size) : random_bytes(size, size);
          const Pipeline pipeline = kind.build(kChunk, runtime.runtime);
          Bytes sealed, back;
          const Report made = pipeline.process(Source::memory(plain), Sink::memory(sealed));
          CHECK(made.input_bytes == size);
          CHECK(made.output_bytes == sealed.size());
          CHECK(made.chunks == (size + kChunk - 1) / kChunk);
          const RestoreOptions options = kind.restore_options(key, runtime.runtime);
          const Report report = restore(Source::memory(sealed), Sink::memory(back), options);
          CHECK(back == plain);
          CHECK(report.input_bytes == sealed.size());
          CHECK(report.output_bytes == size);
          CHECK(report.chunks == made.chunks);
          CHECK(verify(Source::memory(sealed), options).chunks == made.chunks);
          CHECK(runtime.runtime.memory_in_use_bytes() == 0);
        }
      }
    }
  }
}

TEST_CASE("every kind of source goes into every kind of sink and comes back") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  for (const NamedRuntime& runtime : test_runtimes()) {
    const Pipeline pipeline = Pipeline::Builder()
                                  .add(zstd())
                                  .add(aes_256_gcm({.recipients = {key}}))
                                  .chunk_size(ChunkSize::from_bytes(kChunk))
                                  .runtime(runtime.runtime)
                                  .build();
    const RestoreOptions options{.identities = {key}, .runtime = runtime.runtime};
    const auto goes_round = [&](const SourceKind& from, const SinkKind& to, std::size_t size) {
      INFO(runtime.name << ", from " << from.name << " to " << to.name << ", " << size);
      const Bytes plain = compressible_bytes(size, 7);
      const Bytes sealed = to.collect(dir.path(), [&](Sink sink) {
        from.with(plain, dir.path(),
                  [&](Source source) { pipeline.process(std::move(source), std::move(sink)); });
      });
      const Bytes back = to.collect(dir.path(), [&](Sink sink) {
        from.with(sealed, dir.path(),
                  [&](Source source) { restore(std::move(source), std::move(sink), options); });
      });
      CHECK((back == plain));
    };
    for_each_route(sizes(), goes_round);
  }
}

TEST_CASE("the parallel container equals the serial one byte for byte") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(20 * kChunk + 5, 3);
  for (const NamedPipeline& kind : pipeline_kinds(key)) {
    const Bytes expected =
        process_with_fixed_keys(kind.build(kChunk, Runtime::serial()), Source::memory(plain));
    for (const NamedRuntime& runtime : test_runtimes()) {
      INFO(kind.name << ", " << runtime.name);
      CHECK(process_with_fixed_keys(kind.build(kChunk, runtime.runtime), Source::memory(plain)) ==
            expected);
    }
  }
}

TEST_CASE("64 MiB go through chunks of every size") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const SharedKey key = SharedKey::generate();
  Bytes plain = compressible_bytes(48 << 20, 1);
  const Bytes noise = random_bytes(16 << 20, 2);
  plain.insert(plain.end(), noise.begin(), noise.end());
  for (const std::uint32_t chunk_bytes : {64u << 10, 1u << 20, 4u << 20, 100u << 20}) {
    INFO(chunk_bytes);
    const auto pipeline = Pipeline::Builder()
                              .add(zstd({.level = 1}))
                              .add(chacha20_poly1305({.recipients = {key}}))
                              .chunk_size(ChunkSize::from_bytes(chunk_bytes))
                              .build();
    Bytes sealed, back;
    pipeline.process(Source::memory(plain), Sink::memory(sealed));
    restore(Source::memory(sealed), Sink::memory(back), {.identities = {key}});
    CHECK((back == plain));
  }
}

TEST_CASE("any recipient opens, and a context must be given again") {
  const SharedKey one = SharedKey::generate();
  const SharedKey two = SharedKey::generate();
  const auto pipeline = Pipeline::Builder().add(aes_128_gcm({.recipients = {one, two}})).build();
  const Bytes plain = random_bytes(1000, 1);
  Bytes sealed, back;
  pipeline.process(Source::memory(plain), Sink::memory(sealed), {.context = from_text("backup 7")});
  for (const SharedKey& key : {one, two}) {
    const Report report = restore(Source::memory(sealed), Sink::memory(back),
                                  {.identities = {key}, .context = from_text("backup 7")});
    CHECK(back == plain);
    CHECK(report.slot_type == 1);
  }
  CHECK(thrown_kind([&] {
          restore(Source::memory(sealed), Sink::memory(back),
                  {.identities = {one}, .context = from_text("backup 8")});
        }) == errc::wrong_key);
  CHECK(back.empty());
}

TEST_CASE("the report counts what each stage did") {
  const SharedKey key = SharedKey::generate();
  const auto pipeline = Pipeline::Builder()
                            .add(zstd())
                            .add(aes_256_gcm({.recipients = {key}}))
                            .chunk_size(ChunkSize::from_bytes(kChunk))
                            .build();
  Bytes plain = compressible_bytes(3 * kChunk, 1);
  const Bytes noise = random_bytes(kChunk, 2);
  plain.insert(plain.end(), noise.begin(), noise.end());
  Bytes sealed;
  const Report report = pipeline.process(Source::memory(plain), Sink::memory(sealed));
  REQUIRE(report.stages.size() == 2);
  CHECK(report.stages[0].name == "adapipe.zstd");
  CHECK(report.stages[0].bytes_in == plain.size());
  CHECK(report.stages[0].chunks_unchanged == 1);
  CHECK(report.stages[1].name == "AES-256-GCM");
  CHECK(report.stages[1].bytes_in == report.stages[0].bytes_out);
  CHECK(report.stages[1].bytes_out == report.stages[1].bytes_in + 4 * (24 + 16));
  CHECK(report.max_in_flight >= 1);
  CHECK(report.peak_buffer_bytes > kChunk);
}

}  // namespace adapipe
