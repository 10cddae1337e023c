#include "memory/chunk_cache.hpp"

#include <chrono>
#include <optional>
#include <thread>

#include "support/catch.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

namespace {

std::shared_ptr<const CachedChunk> chunk_of(std::size_t bytes) {
  Buffer memory(bytes);
  memory.resize(bytes);
  const std::span<const std::byte> data(memory.data(), bytes);
  return std::make_shared<CachedChunk>(CachedChunk{std::move(memory), data});
}

void put(ChunkCache& cache, const ChunkCache::Key& key, std::size_t bytes) {
  ChunkCache::Found found = cache.find(key, true);
  REQUIRE(found.claim);
  found.claim.fill(chunk_of(bytes));
}

}  // namespace

TEST_CASE("a cache keeps what was used last, of all containers together, within its budget") {
  ChunkCache cache(3 * chunk_of(100)->cost_bytes());
  const std::uint64_t one = cache.add_container();
  const std::uint64_t other = cache.add_container();
  put(cache, {one, 0}, 100);
  put(cache, {other, 0}, 100);
  put(cache, {one, 1}, 100);
  CHECK(cache.bytes() == cache.max_bytes());
  CHECK(cache.find({one, 0}, true).decoded);  // now the newest
  put(cache, {other, 1}, 100);
  CHECK(cache.bytes() == cache.max_bytes());
  CHECK_FALSE(cache.contains({other, 0}));
  CHECK(cache.contains({one, 0}));
  CHECK(cache.contains({one, 1}));
  CHECK(cache.contains({other, 1}));
}

TEST_CASE("a chunk bigger than the cache is kept until the next one") {
  ChunkCache cache(10);
  const std::uint64_t container = cache.add_container();
  put(cache, {container, 0}, 100);
  CHECK(cache.contains({container, 0}));
  put(cache, {container, 1}, 100);
  CHECK_FALSE(cache.contains({container, 0}));
  CHECK(cache.contains({container, 1}));
}

TEST_CASE("a chunk that is in use survives its eviction") {
  ChunkCache cache(1);
  const std::uint64_t container = cache.add_container();
  put(cache, {container, 0}, 50);
  const auto held = cache.find({container, 0}, true).decoded;
  put(cache, {container, 1}, 50);
  CHECK_FALSE(cache.contains({container, 0}));
  CHECK(held->data.size() == 50);
}

TEST_CASE("a container that is forgotten takes its chunks along, and no others") {
  ChunkCache cache(1 << 20);
  const std::uint64_t one = cache.add_container();
  const std::uint64_t other = cache.add_container();
  CHECK(cache.containers() == 2);
  for (const std::uint64_t chunk : {std::uint64_t{0}, std::uint64_t{7}, UINT64_MAX}) {
    put(cache, {one, chunk}, 10);
    put(cache, {other, chunk}, 10);
  }
  const std::size_t before = cache.bytes();
  cache.forget(one);
  CHECK(cache.containers() == 1);
  CHECK(cache.bytes() == before / 2);
  CHECK_FALSE(cache.contains({one, UINT64_MAX}));
  CHECK(cache.contains({other, 0}));
}

TEST_CASE("a chunk is claimed by one at a time, and by the next when that one fails") {
  ChunkCache cache(1000);
  const ChunkCache::Key key{cache.add_container(), 3};
  {
    const ChunkCache::Found first = cache.find(key, true);
    CHECK(first.claim);
    CHECK(cache.contains(key));
    const ChunkCache::Found second = cache.find(key, false);
    CHECK_FALSE(second.claim);
    CHECK_FALSE(second.decoded);
  }
  CHECK_FALSE(cache.contains(key));
  CHECK(cache.find(key, false).claim);
}

TEST_CASE("whoever waits for a claimed chunk gets it, or the claim") {
  const testing::Watchdog watchdog(std::chrono::seconds(60));
  for (int round = 0; round < 1000; ++round) {
    const bool succeeds = round % 2 == 0;
    ChunkCache cache(1000);
    const ChunkCache::Key key{cache.add_container(), 0};
    std::optional<ChunkCache::Found> mine(cache.find(key, true));
    REQUIRE(mine->claim);
    std::jthread waiter([&] {
      ChunkCache::Found found = cache.find(key, true);
      if (found.claim) found.claim.fill(chunk_of(2));
    });
    if (succeeds) mine->claim.fill(chunk_of(1));
    mine.reset();
    waiter.join();
    const auto decoded = cache.find(key, true).decoded;
    REQUIRE(decoded);
    REQUIRE(decoded->data.size() == (succeeds ? 1 : 2));
  }
}

}  // namespace adapipe
