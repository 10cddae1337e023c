// Container::none: what the stages make, and nothing else.

#include <zstd.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>
#include <filesystem>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoint_kinds.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/temp_dir.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kSizes[] = {0, 1, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk, 5 * kChunk + 7};

/// Every byte twice in the even chunks, every other byte in the odd ones: nothing undoes it.
Bytes bent(std::span<const std::byte> in, std::uint64_t chunk) {
  Bytes out;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (chunk % 2 == 0) out.insert(out.end(), 2, in[i]);
    if (chunk % 2 == 1 && i % 2 == 0) out.push_back(in[i]);
  }
  return out;
}

std::shared_ptr<const Stage> one_way_stage() {
  return make_stage("test.one-way",
                    [](const ChunkInfo& chunk, auto in, auto& out) {
                      const Bytes made = bent(in, chunk.index);
                      out.resize(made.size());
                      std::copy(made.begin(), made.end(), out.begin());
                      return Outcome::changed;
                    },
                    {.reversible = false, .growth_bytes = kChunk});
}

struct Kind {
  const char* name;
  std::vector<std::shared_ptr<const Stage>> stages;
  std::function<Bytes(std::span<const std::byte> chunk, std::uint64_t index)> expected;
};

std::vector<Kind> kinds() {
  const auto copied = [](auto chunk, auto) { return Bytes(chunk.begin(), chunk.end()); };
  const auto twisted = [](std::byte key) {
    return [key](auto chunk, auto) {
      Bytes out(chunk.begin(), chunk.end());
      for (std::byte& byte : out) byte ^= key;
      return out;
    };
  };
  return {
      {"nothing", {}, copied},
      {"xor", {xor_stage()}, twisted(std::byte{0x5A})},
      {"one at a time", {lonely_stage()}, twisted(std::byte{0x77})},
      {"every other chunk unchanged",
       {every_other_stage()},
       [=](auto chunk, auto index) {
         return index % 2 == 1 ? copied(chunk, index) : twisted(std::byte{0x33})(chunk, index);
       }},
      {"one-way, behind another", {lonely_stage(), one_way_stage()}, [=](auto chunk, auto index) {
         return bent(twisted(std::byte{0x77})(chunk, index), index);
       }}};
}

Bytes expected_of(const Kind& kind, const Bytes& plain) {
  Bytes all;
  for (std::size_t at = 0; at < plain.size(); at += kChunk) {
    const auto chunk = std::span(plain).subspan(at, std::min(kChunk, plain.size() - at));
    const Bytes made = kind.expected(chunk, at / kChunk);
    all.insert(all.end(), made.begin(), made.end());
  }
  return all;
}

Pipeline pipeline_of(const std::vector<std::shared_ptr<const Stage>>& stages,
                     const Runtime& runtime) {
  Pipeline::Builder builder;
  for (const auto& stage : stages) builder.add(stage);
  return builder.container(Container::none)
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

}  // namespace

TEST_CASE("without a container, what the stages make comes out in order and alone") {
  const Watchdog watchdog(std::chrono::seconds(240));
  for (const NamedRuntime& runtime : test_runtimes())
    for (const Kind& kind : kinds())
      for (const std::size_t size : kSizes) {
        INFO(runtime.name << ", " << kind.name << ", " << size << " bytes");
        const Bytes plain = random_bytes(size, size);
        Bytes out = from_text("gone");
        std::atomic<std::uint64_t> told{0};
        const Report report =
            pipeline_of(kind.stages, runtime.runtime)
                .process(Source::memory(plain), Sink::memory(out),
                         {.on_progress = [&](const Progress& p) { told = p.stored_bytes; }});
        CHECK(out == expected_of(kind, plain));
        CHECK(report.input_bytes == size);
        CHECK(report.output_bytes == out.size());
        CHECK(told == out.size());
        CHECK(report.chunks == (size + kChunk - 1) / kChunk);
        REQUIRE(report.stages.size() == kind.stages.size());
        if (!kind.stages.empty()) {
          CHECK(report.stages.front().bytes_in == size);
          CHECK(report.stages.back().bytes_out == out.size());
          CHECK(report.stages.back().name == kind.stages.back()->info().id);
        }
        CHECK(runtime.runtime.memory_in_use_bytes() == 0);
      }
}

TEST_CASE("without a container, every kind of source goes into every kind of sink") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const TempDir dir;
  const Kind kind = kinds().back();
  for (const NamedRuntime& runtime : test_runtimes()) {
    const Pipeline pipeline = pipeline_of(kind.stages, runtime.runtime);
    for_each_route(kSizes, [&](const SourceKind& from, const SinkKind& to, std::size_t size) {
      INFO(runtime.name << ", from " << from.name << " to " << to.name << ", " << size);
      const Bytes plain = random_bytes(size, 7);
      const Bytes out = to.collect(dir.path(), [&](Sink sink) {
        from.with(plain, dir.path(),
                  [&](Source source) { pipeline.process(std::move(source), std::move(sink)); });
      });
      CHECK(out == expected_of(kind, plain));
    });
  }
}

TEST_CASE("without a container, what zstd makes is what zstd reads") {
  const Bytes plain = compressible_bytes(9 * kChunk + 100, 1);
  for (const NamedRuntime& runtime : test_runtimes()) {
    INFO(runtime.name);
    Bytes out, back(plain.size());
    pipeline_of({zstd()}, runtime.runtime).process(Source::memory(plain), Sink::memory(out));
    CHECK(out.size() < plain.size());
    CHECK(ZSTD_decompress(back.data(), back.size(), out.data(), out.size()) == plain.size());
    CHECK(back == plain);
  }
}

TEST_CASE("a Writer without a container ends a chunk at each flush, and leaves nothing open") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const TempDir dir;
  const Bytes plain = random_bytes(2 * kChunk + 10, 1);
  const std::span<const std::byte> chunks[] = {std::span(plain).first(kChunk),
                                               std::span(plain).subspan(kChunk, kChunk),
                                               std::span(plain).last(10)};
  for (const NamedRuntime& runtime : test_runtimes()) {
    INFO(runtime.name);
    Bytes expected;
    Writer writer(pipeline_of({one_way_stage()}, runtime.runtime),
                  Sink::file(dir / "out", {.overwrite = true}));
    std::uint64_t index = 0;
    for (int i = 0; i < 3; ++i) {
      writer.write(plain);
      writer.flush(i == 2 ? Durability::machine : Durability::sink);
      for (const auto chunk : chunks) {
        const Bytes made = bent(chunk, index++);
        expected.insert(expected.end(), made.begin(), made.end());
      }
    }
    const Report report = writer.finish();
    CHECK(report.chunks == 9);
    CHECK(report.output_bytes == expected.size());
    CHECK(read_file(dir / "out") == expected);
  }
}

TEST_CASE("without a container there is no place for metadata, nor for a context") {
  const TempDir dir;
  for (const NamedRuntime& runtime : test_runtimes()) {
    INFO(runtime.name);
    const Pipeline pipeline = pipeline_of({}, runtime.runtime);
    const ProcessOptions refused[] = {{.metadata = {{"key", "value"}}},
                                      {.context = from_text("context")}};
    for (const ProcessOptions& options : refused) {
      const Error error =
          thrown_by([&] { pipeline.process(Source::owned(Bytes(10)), dir / "out", options); });
      CHECK(error.kind() == errc::invalid_argument);
      CHECK(std::string(error.what()).find(options.metadata.empty() ? "context" : "metadata") !=
            std::string::npos);
      CHECK(std::filesystem::is_empty(dir.path()));
    }
  }
}

}  // namespace adapipe
