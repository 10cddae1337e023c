// Zstd files that others have made, restored and read as containers are.

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoint_kinds.hpp"
#include "support/round_trip.hpp"
#include "support/tamper.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"
#include "support/zst_file.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 5000;

struct NamedFile {
  std::string name;
  bool at_random;  // its frames are known without decoding any
  Bytes bytes;
};

/// Of every make.
std::vector<NamedFile> files_of(const Bytes& plain) {
  const ZstFile frames = zst_file(plain, kChunk);
  const ZstFile unsized = zst_file(plain, kChunk, {.says_size = false});
  const Bytes empty = zst_frame({});
  const Bytes skipped = skippable_frame(5, Bytes(3 * kChunk));
  return {
      {"one frame", true, zst_frame(plain)},
      {"one frame without a size", false, zst_frame(plain, {.says_size = false})},
      {"frames", true, joined({frames.bytes, empty})},
      {"frames without sizes", false, joined({zst_frame({}, {.says_size = false}), unsized.bytes})},
      {"frames and a table", true, frames.with_table()},
      {"frames without sizes and a table", true, unsized.with_table(true)},
      {"other frames between", true,
       joined({skipped, empty, frames.bytes, empty, skipped, skipped})},
  };
}

Bytes restored(const Bytes& file, const RestoreOptions& options = {}) {
  Bytes back;
  restore(Source::memory(file), Sink::memory(back), options);
  return back;
}

Source stream_of(std::istringstream& stream, const Bytes& bytes) {
  stream.str({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return Source::from(stream);
}

Error restoring(const Bytes& file, const RestoreOptions& options = {}) {
  return thrown_by([&] { restored(file, options); });
}

Error streaming(const Bytes& file, const RestoreOptions& options = {}) {
  std::istringstream stream;
  return thrown_by([&] { verify(stream_of(stream, file), options); });
}

}  // namespace

TEST_CASE("zstd files are restored from every source to every sink, on every runtime") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const TempDir dir;
  const std::size_t sizes[] = {0, 1, kChunk, kChunk + 1, 5 * kChunk + 7};
  std::map<std::size_t, Bytes> plain;
  std::map<std::size_t, std::vector<NamedFile>> files;
  for (const std::size_t size : sizes) {
    plain[size] = compressible_bytes(size, 1);
    files[size] = files_of(plain[size]);
  }
  for (const NamedRuntime& on : test_runtimes())
    for_each_route(sizes, [&](const SourceKind& from, const SinkKind& to, std::size_t size) {
      for (const NamedFile& file : files[size]) {
        INFO(size << " bytes, " << file.name << ", " << on.name << ", from " << from.name << " to "
                  << to.name);
        const Bytes back = to.collect(dir.path(), [&](Sink sink) {
          from.with(file.bytes, dir.path(), [&](Source source) {
            const Report report =
                restore(std::move(source), std::move(sink), {.runtime = on.runtime});
            CHECK(report.output_bytes == size);
            CHECK(report.input_bytes == file.bytes.size());
          });
        });
        CHECK(back == plain[size]);
        CHECK(on.runtime.memory_in_use_bytes() == 0);
      }
    });
}

TEST_CASE("a restore tells how much of the file it has read") {
  const Bytes plain = compressible_bytes(std::size_t{3} << 20, 1);
  const Bytes file = zst_file(plain, kChunk).bytes;
  Bytes sealed;
  Pipeline::Builder().add(zstd()).build().process(Source::memory(plain), Sink::memory(sealed));
  const Tampered parts(sealed);
  const struct {
    const char* name;
    const Bytes& bytes;
    std::size_t expected;  // the chunks, without what stands around them
  } cases[] = {{"zstd file", file, file.size()},
               {"container", sealed, parts.offset_of(parts.chunks()) - parts.head.size()}};
  for (const auto& [name, bytes, expected] : cases)
    for (const bool streamed : {false, true}) {
      INFO(name << (streamed ? ", as a stream" : ""));
      std::istringstream stream;
      Progress last;
      restore(streamed ? stream_of(stream, bytes) : Source::memory(bytes), Sink::discard(),
              {.on_progress = [&](const Progress& now) { last = now; }});
      CHECK(last.stored_bytes == expected);
      CHECK(last.bytes_done == plain.size());
    }
}

TEST_CASE("any range of a zstd file is read, alone and in parallel") {
  const Watchdog watchdog(std::chrono::seconds(240));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, 100 * kChunk + 7}) {
    const Bytes plain = compressible_bytes(size, 1);
    for (const NamedFile& file : files_of(plain)) {
      INFO(size << " bytes, " << file.name);
      if (!file.at_random) {
        CHECK(thrown_kind([&] { Reader::open(Source::memory(file.bytes)); }) ==
              errc::invalid_argument);
        continue;
      }
      const auto reader = Reader::open(Source::memory(file.bytes), {.cache_bytes = 2 * kChunk});
      CHECK(reader.size() == size);
      for (const std::size_t offset : {std::size_t{0}, kChunk - 1, kChunk, 17 * kChunk + 3, size})
        for (const std::size_t length : {std::size_t{1}, kChunk, 3 * kChunk, size}) {
          INFO(offset << " + " << length);
          const std::size_t expected = offset < size ? std::min(length, size - offset) : 0;
          Bytes got(length), started(length);
          REQUIRE(reader.read_at(offset, got) == expected);
          CHECK(reader.start_read(offset, started).get().output_bytes == expected);
          CHECK(std::equal(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(expected),
                           plain.begin() + static_cast<std::ptrdiff_t>(std::min(offset, size))));
          CHECK(got == started);
        }
    }
  }
}

TEST_CASE("what is known of a zstd file is told with a Reader and without") {
  const Bytes plain = compressible_bytes(5 * kChunk + 7, 1);
  const Bytes file = zst_file(plain, kChunk).with_table();
  for (const ContainerInfo& info :
       {inspect(Source::memory(file)), Reader::open(Source::memory(file)).info()}) {
    CHECK(info.is_zstd_file);
    CHECK_FALSE(info.authenticated);
    CHECK(info.cipher.empty());
    REQUIRE(info.stages.size() == 1);
    CHECK(info.stages[0].id == "adapipe.zstd");
    CHECK(info.slot_types.empty());
    CHECK(info.chunks == 6);
    CHECK(info.chunk_bytes == kChunk);
    CHECK(info.plain_bytes == plain.size());
    CHECK(info.container_bytes == file.size());
  }
  const Bytes unsized = zst_frame(plain, {.says_size = false});
  const ContainerInfo info = inspect(Source::memory(unsized));
  CHECK(info.is_zstd_file);
  CHECK(info.chunks == std::nullopt);
  CHECK(info.plain_bytes == std::nullopt);
  const Error error = thrown_by([&] { Reader::open(Source::memory(unsized)); });
  CHECK(std::string(error.what()).find("adapipe process --container zstd") != std::string::npos);
}

TEST_CASE("a zstd file is refused as any other that is not encrypted") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(100, 1);
  const Bytes file = zst_frame(plain);
  CHECK(restoring(file, {.identities = {key}}).kind() == errc::wrong_key);
  CHECK(streaming(file, {.identities = {key}}).kind() == errc::wrong_key);
  CHECK(restoring(file, {.context = from_text("x")}).kind() == errc::wrong_key);
  CHECK(streaming(file, {.context = from_text("x")}).kind() == errc::wrong_key);
  CHECK(thrown_kind([&] { Reader::open(Source::memory(file), {.identities = {key}}); }) ==
        errc::wrong_key);
  CHECK(restored(file, {.identities = {key}, .allow_unencrypted = true}) == plain);
}

TEST_CASE("a zstd file has neither keys to change nor records to salvage, and that is said") {
  const SharedKey key = SharedKey::generate();
  const Bytes file = zst_frame(compressible_bytes(100, 1));
  Bytes out;
  for (const Error& error :
       {thrown_by([&] { rekey(Source::memory(file), Sink::memory(out), {.identities = {key}}); }),
        thrown_by([&] { salvage(Source::memory(file), Sink::memory(out)); })}) {
    CHECK(error.kind() == errc::not_a_container);
    CHECK(std::string(error.what()).find("zstd file") != std::string::npos);
  }
}

TEST_CASE("damage in a zstd file is told with the frame and where that stands") {
  const Bytes plain = compressible_bytes(3 * kChunk, 1);
  const ZstFile good = zst_file(plain, kChunk);
  const std::uint64_t second = good.table[0].frame_bytes;
  Bytes damaged = good.bytes;
  damaged[static_cast<std::size_t>(second) + 200] ^= std::byte{4};
  Bytes bad_sum = good.bytes;
  bad_sum[static_cast<std::size_t>(second) + good.table[1].frame_bytes - 1] ^= std::byte{4};
  for (const Bytes& bad : {damaged, bad_sum}) {
    for (const Error& error :
         {restoring(bad), streaming(bad), restoring(joined({bad, zst_seek_table(good.table)}))}) {
      INFO(error.what());
      CHECK(error.kind() == errc::corrupt);
      CHECK(error.chunk() == 1);
      CHECK(error.offset() == second);
      CHECK(error.path());
    }
    const auto reader = Reader::open(Source::memory(bad));
    Bytes page(10);
    CHECK(reader.read_at(0, page) == 10);
    CHECK(thrown_by([&] { reader.read_at(kChunk, page); }).chunk() == 1);
  }
  for (const Error& error : {restoring(joined({good.bytes, from_text("garbage")})),
                             streaming(joined({good.bytes, from_text("garbage")}))}) {
    CHECK(error.kind() == errc::corrupt);
    CHECK(error.offset() == good.bytes.size());
  }
  const Bytes cut(good.bytes.begin(), good.bytes.end() - 1);
  CHECK(restoring(cut).kind() == errc::truncated);
  CHECK(streaming(cut).kind() == errc::truncated);
}

TEST_CASE("with any byte changed, a zstd file is refused or gives the same, by every way") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const Bytes plain = compressible_bytes(400, 1);
  const ZstFile file = zst_file(plain, 200);
  const Runtime runtime = Runtime::serial();
  for (const Bytes& good : {file.bytes, file.with_table()})
    for (std::size_t at = 0; at < good.size(); ++at)
      for (const unsigned change : {1u, 0x10u, 0x80u, 0xFFu}) {
        INFO("byte " << at << " by " << change);
        Bytes bad = good;
        bad[at] ^= static_cast<std::byte>(change);
        const auto same_or_refused = [&](auto&& read) {
          try {
            const Bytes got = read();
            CHECK(got == plain);
          } catch (const Error& error) {
            CHECK(error.kind() != errc::io_error);
          }
        };
        same_or_refused([&] { return restored(bad, {.runtime = runtime}); });
        same_or_refused([&] {
          std::istringstream stream;
          Bytes back;
          restore(stream_of(stream, bad), Sink::memory(back), {.runtime = runtime});
          return back;
        });
        same_or_refused([&] {
          const auto reader = Reader::open(Source::memory(bad), {.runtime = runtime});
          Bytes back(plain.size() + 1);
          back.resize(reader.read_at(0, back));
          return back;
        });
      }
}

TEST_CASE("a table that lies of frames without sizes is found out where they are decoded") {
  const Bytes plain = compressible_bytes(3 * kChunk, 1);
  const ZstFile file = zst_file(plain, kChunk, {.says_size = false});
  for (const std::uint32_t change : {1u, static_cast<std::uint32_t>(-1)}) {
    auto table = file.table;
    table[1].plain_bytes += change;
    const Error error = restoring(joined({file.bytes, zst_seek_table(table)}));
    CHECK(error.kind() == errc::corrupt);
    CHECK(error.chunk() == 1);
    CHECK(error.offset() == table[0].frame_bytes);
  }
}

TEST_CASE("the checksums of a seek table hold for what is in the frames") {
  const Bytes plain = random_bytes(3 * kChunk, 1);
  for (const bool has_checksum : {true, false}) {
    const ZstFile file = zst_file(plain, kChunk, {.has_checksum = has_checksum});
    CHECK(restored(file.with_table(true)) == plain);
    // In another order, the frames fit the sizes, but not these.
    REQUIRE(file.table[0].frame_bytes == file.table[1].frame_bytes);
    ZstFile swapped = file;
    std::rotate(swapped.bytes.begin(), swapped.bytes.begin() + file.table[0].frame_bytes,
                swapped.bytes.end());
    const Error error = restoring(swapped.with_table(true));
    CHECK(error.kind() == errc::corrupt);
    CHECK(error.chunk());
    const Bytes before = zst_frame(plain);
    CHECK(restored(joined({before, file.with_table(true)})) == joined({plain, plain}));
    const Error behind = restoring(joined({before, swapped.with_table(true)}));
    CHECK(behind.kind() == errc::corrupt);
    CHECK(behind.chunk().value_or(0) > 0);
  }
}

TEST_CASE("a zstd file is held to the plain bytes and the memory that are allowed") {
  const Bytes plain = compressible_bytes(3 * kChunk, 1);
  for (const NamedFile& file : files_of(plain)) {
    INFO(file.name);
    for (const std::uint64_t most : {std::uint64_t{0}, std::uint64_t{plain.size() - 1}}) {
      CHECK(restoring(file.bytes, {.max_plain_bytes = most}).kind() == errc::limit_exceeded);
      CHECK(streaming(file.bytes, {.max_plain_bytes = most}).kind() == errc::limit_exceeded);
    }
    CHECK(restored(file.bytes, {.max_plain_bytes = plain.size()}) == plain);
  }

  const Runtime small({.worker_threads = 2, .memory_bytes = 16 << 20});
  Bytes many;
  const Bytes empty = zst_frame({});
  for (int i = 0; i < 400'000; ++i) many.insert(many.end(), empty.begin(), empty.end());
  CHECK(restoring(many, {.runtime = small}).kind() == errc::resource_exhausted);
  CHECK(streaming(many, {.runtime = small}).kind() == errc{});
  CHECK(thrown_kind([&] {
          Reader::open(Source::memory(many), {.max_index_memory_bytes = 20 << 20});
        }) == errc::resource_exhausted);
  CHECK(thrown_kind([&] { inspect(Source::memory(many), 20 << 20); }) == errc::resource_exhausted);

  // A frame too large for the budget twice is decoded piece by piece.
  const Bytes large = compressible_bytes(8 << 20, 1);
  CHECK(restored(zst_frame(large), {.runtime = small}) == large);
  const Bytes far = from_hex("28B52FFD 00 88 010000");
  CHECK(restoring(far, {.runtime = small}).kind() == errc::resource_exhausted);
  CHECK(restoring(far).kind() == errc{});
  CHECK(restoring(from_hex("28B52FFD 00 89 010000")).kind() == errc::limit_exceeded);
  CHECK(small.memory_in_use_bytes() == 0);
}

TEST_CASE("old versions and dictionaries are refused by name") {
  for (const std::string hex : {"27B52FFD 00000000", "28B52FFD 21 07 00 010000"}) {
    const Bytes file = from_hex(hex);
    CHECK(restoring(file).kind() == errc::unsupported_version);
    CHECK(streaming(file).kind() == errc::unsupported_version);
  }
}

}  // namespace adapipe
