#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "api/writer_fixture.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

void write_in_blocks(Writer& writer, std::span<const std::byte> bytes, std::size_t block_bytes) {
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(block_bytes, bytes.size())))
    writer.write(bytes.first(std::min(block_bytes, bytes.size())));
}

/// Keeps what it is given, counts syncs and fails them if asked to.
class SyncedSink final : public SinkImpl {
 public:
  struct Seen {
    std::atomic<std::size_t> bytes{0};
    std::atomic<int> syncs{0};
    std::atomic<int> abandoned{0};
    bool fails = false;
  };
  explicit SyncedSink(Seen& seen) : seen_(seen) {}
  void write(std::span<const std::byte> bytes) override { seen_.bytes += bytes.size(); }
  void commit() override {}
  void abandon() noexcept override { ++seen_.abandoned; }
  void sync() override {
    ++seen_.syncs;
    if (seen_.fails) throw Error(errc::io_error, "the disk is gone");
  }

 private:
  Seen& seen_;
};

std::size_t files_in(const std::filesystem::path& dir) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir),
                                                std::filesystem::directory_iterator()));
}

}  // namespace

TEST_CASE("what was written in blocks of any size is restored, on every runtime") {
  const Watchdog watchdog(std::chrono::seconds(240));
  const std::size_t sizes[] = {0, 1, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk, 20 * kChunk + 7};
  const std::size_t blocks[] = {1, 1000, kChunk, 3 * kChunk + 1};
  for (const auto& [name, runtime] : test_runtimes()) {
    for (const std::size_t size : sizes) {
      for (const std::size_t block : blocks) {
        INFO(name << ", " << size << " bytes in blocks of " << block);
        const Bytes plain = random_bytes(size, size);
        Bytes sealed;
        Writer writer(pipeline_on(runtime, xor_stage()), Sink::memory(sealed));
        write_in_blocks(writer, plain, block);
        const Report report = writer.finish();
        CHECK(report.input_bytes == size);
        CHECK(report.chunks == (size + kChunk - 1) / kChunk);
        CHECK(report.output_bytes == sealed.size());
        CHECK(restored(sealed) == plain);
      }
    }
  }
}

TEST_CASE("flush() ends the chunk and returns when all that was written is with the sink") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    SyncedSink::Seen seen;
    Writer writer(pipeline_on(runtime, xor_stage()), Sink(std::make_unique<SyncedSink>(seen)));
    const Bytes plain = random_bytes(3 * kChunk + 10, 1);
    std::size_t before = 0;
    for (int i = 0; i < 3; ++i) {
      writer.write(plain);
      writer.flush();
      CHECK(seen.bytes >= before + plain.size());
      before = seen.bytes;
      writer.flush();  // there is nothing to end
      CHECK(seen.bytes == before);
    }
    CHECK(seen.syncs == 0);
    CHECK(writer.finish().chunks == 3 * 4);
  }
}

TEST_CASE("open Writers keep no thread from each other, however few I/O threads there are") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1, .io_threads = 1});
  const Bytes plain = random_bytes(3 * kChunk + 10, 1);
  std::vector<SyncedSink::Seen> seen(3);
  std::vector<Writer> writers;
  for (SyncedSink::Seen& one : seen)
    writers.emplace_back(pipeline_on(runtime, xor_stage()),
                         Sink(std::make_unique<SyncedSink>(one)));
  for (Writer& writer : writers) writer.write(plain);
  for (Writer& writer : writers) writer.flush(Durability::machine);
  for (const SyncedSink::Seen& one : seen) CHECK(one.bytes >= plain.size());
  for (Writer& writer : writers) CHECK(writer.finish().chunks == 4);
}

TEST_CASE("flush(machine) has the sink sync, and a failed sync fails the Writer") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    SyncedSink::Seen seen;
    Writer writer(pipeline_on(runtime, xor_stage()), Sink(std::make_unique<SyncedSink>(seen)));
    writer.write(from_text("important"));
    writer.flush(Durability::machine);
    CHECK(seen.syncs == 1);
    seen.fails = true;
    for (int i = 0; i < 2; ++i) {
      const Error error = thrown_by([&] { writer.flush(Durability::machine); });
      CHECK(error.kind() == errc::io_error);
      CHECK_THAT(error.what(), Catch::Matchers::Contains("the disk is gone"));
    }
    CHECK(thrown_kind([&] { writer.finish(); }) == errc::io_error);
    CHECK(seen.syncs == 2);
    CHECK(seen.abandoned == 1);
  }
}

TEST_CASE("what was flushed can be salvaged from what a crash leaves behind") {
  const TempDir dir;
  const Bytes plain = random_bytes(2 * kChunk + 10, 1);
  Writer writer(pipeline_on(Runtime::shared(), xor_stage()), Sink::file(dir.path() / "log"));
  writer.write(plain);
  writer.flush(Durability::machine);
  writer.write(from_text("lost"));
  CHECK_FALSE(std::filesystem::exists(dir.path() / "log"));
  REQUIRE(files_in(dir.path()) == 1);
  const Bytes left = read_file(std::filesystem::directory_iterator(dir.path())->path());
  CHECK(thrown_kind([&] { restored(left); }) == errc::truncated);
  Bytes back;
  salvage(Source::memory(left), Sink::memory(back), {.registry = registry()});
  CHECK(back == plain);
}

TEST_CASE("without finish() nothing is left of the output") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    const TempDir dir;
    {
      Writer writer(pipeline_on(runtime, xor_stage()), Sink::file(dir.path() / "out"));
      writer.write(random_bytes(5 * kChunk + 1, 1));
      writer.flush();
      CHECK(files_in(dir.path()) == 1);
    }
    CHECK(files_in(dir.path()) == 0);
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("when the sink fails, every later call throws that error") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const auto& [name, runtime] : test_runtimes()) {
    for (std::size_t failing_write = 0; failing_write < 4; ++failing_write) {
      INFO(name << ", write " << failing_write);
      SinkFate fate;
      Writer writer(pipeline_on(runtime, xor_stage()),
                    Sink(std::make_unique<HookedStreamSink>(fate, [&](std::size_t call) {
                      if (call == failing_write) throw Error(errc::io_error, "full");
                    })));
      const auto write_on = [&] {
        for (int i = 0; i < 1000; ++i) writer.write(random_bytes(kChunk, 1));
      };
      CHECK(thrown_kind(write_on) == errc::io_error);
      CHECK(thrown_kind([&] { writer.write({}); }) == errc::io_error);
      CHECK(thrown_kind([&] { writer.flush(); }) == errc::io_error);
      CHECK(thrown_kind([&] { writer.finish(); }) == errc::io_error);
      CHECK(fate.abandoned == 1);
      CHECK(fate.committed == 0);
    }
  }
}

TEST_CASE("a sink that cannot be opened is told by the first call that waits") {
  const TempDir dir;
  write_file(dir.path() / "out", from_text("old"));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    Writer writer(pipeline_on(runtime, xor_stage()), Sink::file(dir.path() / "out"));
    CHECK(thrown_kind([&] { writer.write(from_text("new")); }) == errc::already_exists);
  }
  CHECK(read_file(dir.path() / "out") == from_text("old"));
}

TEST_CASE("a full pipeline holds the writer up, and a stop lets it go") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 2});
  Door door;
  SinkFate fate;
  std::stop_source stop;
  Writer writer(pipeline_on(runtime, xor_stage()),
                Sink(std::make_unique<HookedStreamSink>(
                    fate,
                    [&](std::size_t call) {
                      if (call > 0) door.wait();
                    },
                    [&] { door.open(); })),
                {.stop = stop.get_token(), .max_in_flight = 3});
  const Bytes block = random_bytes(kChunk, 1);
  std::atomic<int> written{0};
  std::thread stopper([&] {
    door.until_someone_waits();
    stop.request_stop();
  });
  const errc kind = thrown_kind([&] {
    for (;; ++written) writer.write(block);
  });
  stopper.join();
  CHECK(kind == errc::cancelled);
  CHECK(written <= 3);
}

TEST_CASE("try_write() takes what there is room for and never waits") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  const Bytes plain = random_bytes(50 * kChunk + 3, 1);
  Bytes sealed;
  Writer writer(pipeline_on(runtime, xor_stage()), Sink::memory(sealed), {.max_in_flight = 2});
  std::span<const std::byte> rest = plain;
  while (!rest.empty()) {
    const std::size_t taken = writer.try_write(rest);
    REQUIRE(taken <= kChunk);
    rest = rest.subspan(taken);
    if (taken == 0) std::this_thread::yield();
  }
  writer.finish();
  CHECK(restored(sealed) == plain);
}

TEST_CASE("try_write() throws what ended the pipeline, as every function does") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes plain = random_bytes(kChunk, 1);
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    std::stop_source stop;
    Writer writer(pipeline_on(runtime, xor_stage()), Sink::discard(), {.stop = stop.get_token()});
    stop.request_stop();
    CHECK(thrown_kind([&] { writer.write(plain); }) == errc::cancelled);
    CHECK(thrown_kind([&] { writer.try_write(plain); }) == errc::cancelled);
    CHECK(thrown_kind([&] { writer.try_write({}); }) == errc::cancelled);
  }
}

TEST_CASE("a stage may write into a Writer of the same Runtime, even with one worker") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(40 * kChunk, 1);
  for (const std::size_t workers : {1u, 2u}) {
    for (const bool made_by_the_stage : {false, true}) {
      INFO(workers << " workers" << (made_by_the_stage ? ", made by the stage" : ""));
      const Runtime runtime({.worker_threads = workers, .io_threads = 4});
      Bytes copy;
      std::optional<Writer> writer;
      if (!made_by_the_stage) writer.emplace(pipeline_on(runtime, xor_stage()), Sink::memory(copy));
      const auto stage =
          make_stage("test.copies",
                     [&](const ChunkInfo&, auto in, auto&) {
                       if (!writer)
                         writer.emplace(pipeline_on(runtime, xor_stage()), Sink::memory(copy));
                       writer->write(in);
                       return Outcome::unchanged;
                     },
                     {.max_concurrency = 1});
      Bytes sealed;
      Pipeline::Builder()
          .add(stage)
          .chunk_size(ChunkSize::from_bytes(kChunk))
          .runtime(runtime)
          .build()
          .process(Source::memory(plain), Sink::memory(sealed), {.max_in_flight = 1});
      writer->finish();
      CHECK(restored(copy) == plain);
    }
  }
}

TEST_CASE("a Writer that was finished or moved from says so") {
  Bytes sealed;
  Writer writer(pipeline_on(Runtime::shared(), xor_stage()), Sink::memory(sealed));
  writer.write(from_text("some"));
  Writer other = std::move(writer);
  CHECK(thrown_kind([&] { writer.write({}); }) == errc::invalid_argument);
  other.write(from_text(" text"));
  other.finish();
  CHECK(thrown_kind([&] { other.write({}); }) == errc::invalid_argument);
  CHECK(thrown_kind([&] { other.finish(); }) == errc::invalid_argument);
  CHECK(restored(sealed) == from_text("some text"));
}

}  // namespace adapipe
