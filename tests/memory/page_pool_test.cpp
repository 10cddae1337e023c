#include "memory/page_pool.hpp"

#include <atomic>
#include <cstddef>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/full_address_space.hpp"
#include "support/watchdog.hpp"

namespace adapipe {
namespace {

constexpr std::size_t kMib = std::size_t{1} << 20;

TEST_CASE("pages that were given back are taken again, whatever their size") {
  PagePool pool;
  std::byte* const first = pool.take(kMib);
  std::byte* const second = pool.take(kMib / 2);
  std::memset(first, 1, kMib);
  pool.give_back(first, kMib);
  pool.give_back(second, kMib / 2);
  CHECK(pool.take(kMib) == first);  // though the other one came last
  for (const std::size_t bytes : {kMib / 4, 2 * kMib - 4096, kMib / 2}) {
    std::byte* const resized = pool.take(bytes);
    std::memset(resized, 2, bytes);
    pool.give_back(resized, bytes);
    CHECK(pool.take(bytes) == resized);
    pool.give_back(resized, bytes);
  }
  pool.give_back(first, kMib);
}

TEST_CASE("what is kept is given up for pages that the process has no room for otherwise") {
  PagePool pool;
  std::vector<std::byte*> blocks(16);
  for (std::byte*& block : blocks) block = pool.take(kMib / 4);
  for (std::byte* const block : blocks) pool.give_back(block, kMib / 4);
  const auto take = [&pool](std::size_t bytes) -> std::byte* {
    try {
      return pool.take(bytes);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  };
  std::byte* pages = nullptr;
  std::byte* too_much = nullptr;
  {
    const testing::FullAddressSpace full;
    pages = take(kMib);
    too_much = take(64 * kMib);
  }
  CHECK(pages != nullptr);
  CHECK(too_much == nullptr);
  if (pages) pool.give_back(pages, kMib);
}

TEST_CASE("threads that take pages at once get different ones") {
  const testing::Watchdog watchdog;
  PagePool pool;
  std::atomic<bool> were_different = true;
  const auto use = [&](int thread) {
    for (std::size_t i = 0; i < 2000; ++i) {
      const std::size_t bytes = (i % 7 + 1) * 32 * 1024;
      std::byte* const pages = pool.take(bytes);
      pages[0] = pages[bytes - 1] = static_cast<std::byte>(thread);
      std::this_thread::yield();
      if (pages[0] != static_cast<std::byte>(thread) || pages[bytes - 1] != pages[0])
        were_different = false;
      pool.give_back(pages, bytes);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(use, i);
  }
  CHECK(were_different);
}

}  // namespace
}  // namespace adapipe
