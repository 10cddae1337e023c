#include "memory/chunk_cache.hpp"

#include "support/catch.hpp"

namespace adapipe {

namespace {

std::shared_ptr<const CachedChunk> chunk_of(std::size_t bytes) {
  Buffer memory(bytes);
  memory.resize(bytes);
  const std::span<const std::byte> data(memory.data(), bytes);
  return std::make_shared<CachedChunk>(CachedChunk{std::move(memory), data});
}

}  // namespace

TEST_CASE("a cache keeps what was used last, within its budget") {
  ChunkCache cache(3 * chunk_of(100)->cost_bytes());
  for (const std::uint64_t chunk : {0u, 1u, 2u}) cache.insert(chunk, chunk_of(100));
  CHECK(cache.find(0) != nullptr);  // now the newest
  cache.insert(3, chunk_of(100));
  CHECK(cache.find(1) == nullptr);
  CHECK(cache.find(0) != nullptr);
  CHECK(cache.find(2) != nullptr);
  CHECK(cache.find(3) != nullptr);
}

TEST_CASE("a chunk bigger than the cache is kept until the next one") {
  ChunkCache cache(10);
  cache.insert(0, chunk_of(100));
  CHECK(cache.find(0) != nullptr);
  cache.insert(1, chunk_of(100));
  CHECK(cache.find(0) == nullptr);
  CHECK(cache.find(1) != nullptr);
}

TEST_CASE("a chunk that is in use survives its eviction") {
  ChunkCache cache(1);
  cache.insert(0, chunk_of(50));
  const auto held = cache.find(0);
  cache.insert(1, chunk_of(50));
  CHECK(cache.find(0) == nullptr);
  CHECK(held->data.size() == 50);
}

}  // namespace adapipe
