#include <adapipe/adapipe.hpp>
#include <adapipe/backend.hpp>
#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "codec/zstd.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 64 * 1024;
constexpr std::size_t kChunks = 40;
constexpr std::size_t kInFlight = 6;
constexpr int kMin = 1;
constexpr int kMax = 9;

/// A number that threads raise and wait for.
class Count {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void until(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
};

/// Keeps the size of each write.
class SizesSink final : public SinkImpl {
 public:
  SizesSink(std::vector<std::size_t>& sizes, BeforeCall before)
      : sizes_(sizes), before_(std::move(before)) {}
  void write(std::span<const std::byte> bytes) override {
    before_(sizes_.size());
    sizes_.push_back(bytes.size());
  }
  void commit() override {}
  void abandon() noexcept override {}

 private:
  std::vector<std::size_t>& sizes_;
  BeforeCall before_;
};

/// The same chunk again and again.
Bytes plain_bytes() {
  const Bytes chunk = compressible_bytes(kChunk, 1);
  Bytes plain;
  for (std::size_t i = 0; i < kChunks; ++i) plain.insert(plain.end(), chunk.begin(), chunk.end());
  return plain;
}

/// What the chunk becomes at a level.
std::size_t size_at(int level) {
  const auto codec = zstd_codec({.level = level});
  Bytes out(codec->bound(kChunk));
  return codec->make_worker(Direction::forward)->compress(compressible_bytes(kChunk, 1), out);
}

Pipeline::Builder builder(const Runtime& runtime) {
  Pipeline::Builder builder;
  builder.add(zstd({.level = adaptive(kMin, kMax)}))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .container(Container::none)
      .runtime(runtime);
  return builder;
}

}  // namespace

TEST_CASE("a sink that chunks queue for makes the level rise to the highest") {
  const Watchdog watchdog;
  const Bytes plain = plain_bytes();
  Count compressed;
  std::vector<std::size_t> sizes;
  // Each write is held until all the other slots are queued behind it.
  const auto until_all_wait = [&](std::size_t call) {
    compressed.until(std::min(call + kInFlight, kChunks));
  };
  const Pipeline pipeline =
      builder(Runtime({.worker_threads = 2}))
          .add(tap([&](const ChunkInfo&, std::span<const std::byte>) { compressed.add(); }))
          .build();
  pipeline.process(Source::memory(plain), Sink(std::make_unique<SizesSink>(sizes, until_all_wait)),
                   {.max_in_flight = kInFlight});
  REQUIRE(sizes.size() == kChunks);
  REQUIRE(size_at(kMax) < size_at(kMin));
  CHECK(sizes.front() == size_at(kMin));
  CHECK(std::count(sizes.begin(), sizes.end(), size_at(kMax)) > 0);
}

TEST_CASE("a sink that nothing queues for leaves the level at the lowest") {
  const Watchdog watchdog;
  const Bytes plain = plain_bytes();
  Count written;
  std::vector<std::size_t> sizes;
  builder(Runtime({.worker_threads = 2}))
      .build()
      .process(Source(std::make_unique<HookedStream>(
                   plain, [&](std::size_t call) { written.until(std::min(call, kChunks)); })),
               Sink(std::make_unique<SizesSink>(sizes, [&](std::size_t) { written.add(); })),
               {.max_in_flight = kInFlight});
  CHECK((sizes == std::vector(kChunks, size_at(kMin))));
}

TEST_CASE("where one chunk is run at a time, the level is the lowest") {
  const Watchdog watchdog;
  const Bytes plain = plain_bytes();
  std::vector<std::size_t> sizes;
  builder(Runtime::serial())
      .build()
      .process(Source::memory(plain), Sink(std::make_unique<SizesSink>(sizes, [](std::size_t) {})));
  CHECK((sizes == std::vector(kChunks, size_at(kMin))));
}

TEST_CASE("chunks of different levels are restored by anyone, from every container") {
  const Watchdog watchdog;
  const Bytes plain = compressible_bytes(3'000'000, 2);
  for (const Container container : {Container::adapipe, Container::zstd_seekable}) {
    Bytes sealed, back;
    Pipeline::Builder()
        .add(zstd({.level = adaptive(-3, 12)}))
        .chunk_size(ChunkSize::from_bytes(kChunk))
        .container(container)
        .build()
        .process(Source::memory(plain), Sink::memory(sealed));
    restore(Source::memory(sealed), Sink::memory(back));
    CHECK((back == plain));
  }
}

}  // namespace adapipe
