// Container::zstd_seekable: files for every zstd. Those of zstd's own tools are in tests/cli.

#include <xxhash.h>
#include <zstd.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoint_kinds.hpp"
#include "support/round_trip.hpp"
#include "support/sparse_store.hpp"
#include "support/temp_dir.hpp"
#include "support/watchdog.hpp"
#include "util/endian.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kSizes[] = {0, 1, kChunk - 1, kChunk, kChunk + 1, 5 * kChunk + 7};

Pipeline pipeline_on(const Runtime& runtime) {
  return Pipeline::Builder()
      .container(Container::zstd_seekable)
      .add(zstd())
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

/// Of one frame, by zstd alone; nothing if zstd refuses it.
std::optional<Bytes> decoded(std::span<const std::byte> frame) {
  Bytes out(kChunk);
  const std::size_t bytes = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(bytes) != 0) return std::nullopt;
  out.resize(bytes);
  return out;
}

/// The plain bytes of each frame. Finds them by the seek table, as its specification says, and
/// holds table and frames to each other.
std::vector<Bytes> read_by_table(const Bytes& file) {
  const auto number_at = [&](std::size_t at) { return load_le<std::uint32_t>(file.data() + at); };
  REQUIRE(file.size() >= 17);
  REQUIRE(number_at(file.size() - 4) == 0x8F92EAB1);
  REQUIRE(file[file.size() - 5] == std::byte{0x80});
  const std::size_t frames = number_at(file.size() - 9);
  std::size_t entry = file.size() - 9 - 12 * frames;
  const std::size_t table = entry - 8;
  CHECK(number_at(table) == 0x184D2A5E);
  CHECK(number_at(table + 4) == file.size() - entry);
  std::vector<Bytes> all;
  std::size_t at = 0;
  for (; all.size() < frames; entry += 12) {
    const auto frame = std::span(file).subspan(at, number_at(entry));
    at += frame.size();
    CHECK(ZSTD_getFrameContentSize(frame.data(), frame.size()) == number_at(entry + 4));
    CHECK(ZSTD_findFrameCompressedSize(frame.data(), frame.size()) == frame.size());
    const auto plain = decoded(frame);
    REQUIRE(plain);
    CHECK(plain->size() == number_at(entry + 4));
    const auto checksum = static_cast<std::uint32_t>(XXH64(plain->data(), plain->size(), 0));
    CHECK(checksum == number_at(entry + 8));
    CHECK(checksum == load_le<std::uint32_t>(frame.last(4).data()));
    all.push_back(*plain);
  }
  CHECK(at == table);
  return all;
}

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

TEST_CASE("a seekable zstd file has a frame for every chunk, and a table that finds them") {
  const Watchdog watchdog(std::chrono::seconds(240));
  for (const std::size_t size : kSizes)
    for (const bool compressible : {true, false}) {
      const Bytes plain = compressible ? compressible_bytes(size, size) : random_bytes(size, size);
      std::optional<Bytes> first;
      for (const NamedRuntime& runtime : test_runtimes()) {
        INFO(runtime.name << ", " << size << " bytes, compressible " << compressible);
        Bytes file;
        const Report report =
            pipeline_on(runtime.runtime).process(Source::memory(plain), Sink::memory(file));
        const std::vector<Bytes> chunks = read_by_table(file);
        CHECK(joined(chunks) == plain);
        CHECK(chunks.size() == (size + kChunk - 1) / kChunk);
        CHECK(report.chunks == chunks.size());
        CHECK(report.input_bytes == size);
        CHECK(report.output_bytes == file.size());
        REQUIRE(report.stages.size() == 1);
        CHECK(report.stages[0].name == "adapipe.zstd");
        CHECK(report.stages[0].chunks_unchanged == 0);
        if (!first) first = file;
        CHECK(file == *first);

        Bytes at_once(size);
        CHECK(ZSTD_decompress(at_once.data(), size, file.data(), file.size()) == size);
        CHECK(at_once == plain);
      }
    }
}

TEST_CASE("every kind of source goes into every kind of seekable zstd file") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const TempDir dir;
  const Bytes plain = compressible_bytes(5 * kChunk + 7, 7);
  for (const NamedRuntime& runtime : test_runtimes())
    for (const SourceKind& from : source_kinds())
      for (const SinkKind& to : sink_kinds()) {
        INFO(runtime.name << ", from " << from.name << " to " << to.name);
        const Bytes file = to.collect(dir.path(), [&](Sink sink) {
          from.with(plain, dir.path(), [&](Source source) {
            pipeline_on(runtime.runtime).process(std::move(source), std::move(sink));
          });
        });
        CHECK(joined(read_by_table(file)) == plain);
      }
}

TEST_CASE("zstd never takes a changed frame of a seekable file for another") {
  for (const bool compressible : {true, false}) {
    const Bytes plain = compressible ? compressible_bytes(500, 1) : random_bytes(500, 1);
    Bytes file;
    pipeline_on(Runtime::serial()).process(Source::memory(plain), Sink::memory(file));
    const std::size_t frame_bytes = file.size() - 8 - 12 - 9;
    std::size_t refused = 0;
    for (std::size_t at = 0; at < frame_bytes; ++at) {
      INFO("byte " << at << ", compressible " << compressible);
      Bytes frame(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(frame_bytes));
      frame[at] ^= std::byte{0x10};
      const auto back = decoded(frame);
      if (back) CHECK(*back == plain);
      refused += back ? 0 : 1;
    }
    CHECK(refused > frame_bytes / 2);  // some bits have no meaning
  }
}

TEST_CASE("a Writer of a seekable zstd file ends a frame at each flush") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes part = compressible_bytes(kChunk + 10, 1);
  const Bytes first(part.begin(), part.begin() + kChunk);
  const Bytes second(part.begin() + kChunk, part.end());
  for (const NamedRuntime& runtime : test_runtimes()) {
    INFO(runtime.name);
    Bytes file;
    Writer writer(pipeline_on(runtime.runtime), Sink::memory(file));
    for (int i = 0; i < 3; ++i) {
      writer.write(part);
      writer.flush();
    }
    CHECK(writer.finish().chunks == 6);
    CHECK(read_by_table(file) == std::vector{first, second, first, second, first, second});
  }
}

TEST_CASE("the options of zstd() hold in a seekable zstd file") {
  const Bytes plain = compressible_bytes(60'000, 1);
  const auto size_with = [&](const ZstdOptions& options) {
    Bytes file;
    return Pipeline::Builder()
        .add(zstd(options))
        .container(Container::zstd_seekable)
        .runtime(Runtime::serial())
        .build()
        .process(Source::memory(plain), Sink::memory(file))
        .output_bytes;
  };
  CHECK(size_with({.level = 19}) < size_with({.level = -7}));
}

TEST_CASE("the table of a seekable zstd file counts against the memory budget") {
  const Watchdog watchdog(std::chrono::seconds(120));
  struct Zeros final : SourceImpl {
    std::size_t read(std::span<std::byte> to) override {
      const std::size_t bytes = std::min(to.size(), left);
      std::ranges::fill(to.first(bytes), std::byte{0});
      left -= bytes;
      return bytes;
    }
    std::size_t left = 60'000 * kChunk;
  };
  for (const std::size_t memory_bytes : {std::size_t{1} << 20, std::size_t{8} << 20}) {
    INFO(memory_bytes);
    const Runtime runtime({.worker_threads = 1, .memory_bytes = memory_bytes});
    SparseStore file;
    const Error error = thrown_by([&] {
      pipeline_on(runtime).process(Source(std::make_unique<Zeros>()),
                                   Sink(std::make_unique<SparseSink>(file)));
    });
    const bool fits = memory_bytes > std::size_t{1} << 20;
    CHECK(error.kind() == (fits ? errc{} : errc::resource_exhausted));
    CHECK((std::string(error.what()).find("the seek table") == std::string::npos) == fits);
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("a seekable zstd file has no place for metadata, nor for a context") {
  const TempDir dir;
  const Pipeline pipeline = pipeline_on(Runtime::serial());
  const ProcessOptions refused[] = {{.metadata = {{"key", "value"}}},
                                    {.context = from_text("context")}};
  for (const ProcessOptions& options : refused)
    CHECK(thrown_kind([&] { pipeline.process(Source::owned(Bytes(10)), dir / "out", options); }) ==
          errc::invalid_argument);
  CHECK(std::filesystem::is_empty(dir.path()));
}

}  // namespace adapipe
