#include <unistd.h>

#include <adapipe/chunk.hpp>
#include <adapipe/error.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "memory/buffer_access.hpp"
#include "memory/page_pool.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using testing::thrown_by;

namespace {

/// Of this process, whether touched or not.
std::size_t mapped_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("a buffer grows up to its limit and keeps what it holds") {
  Buffer buffer(10'000);
  buffer.resize(3);
  std::memcpy(buffer.data(), "abc", 3);
  buffer.resize(10'000);
  CHECK(std::memcmp(buffer.data(), "abc", 3) == 0);
  CHECK(buffer.size() == 10'000);
  buffer.resize(2);
  CHECK(buffer.size() == 2);
  CHECK(thrown_by([&] { buffer.resize(10'001); }).kind() == errc::limit_exceeded);
  CHECK(buffer.size() == 2);
}

TEST_CASE("a buffer has room around its data for a record header and a tag") {
  Buffer buffer(5000);
  buffer.resize(5000);
  std::memset(buffer.data() - BufferAccess::kHeadroomBytes, 1, BufferAccess::kHeadroomBytes);
  std::memset(buffer.data() + 5000, 2, BufferAccess::kTailroomBytes);
  CHECK(buffer.data()[-1] == std::byte{1});
}

TEST_CASE(
    "of buffers as big as small chunks, no more memory stays with the process than is pooled") {
  const std::size_t before = mapped_bytes();
  for (const std::size_t bytes : {1'500'000u, 700'000u, 200'000u}) {
    std::vector<Buffer> buffers;
    std::vector<std::unique_ptr<char[]>> behind;  // a heap gives back what is at its end
    for (std::size_t held = 0; held < std::size_t{64} << 20; held += bytes) {
      buffers.emplace_back(bytes).resize(bytes);
      behind.push_back(std::make_unique<char[]>(1000));
    }
    CHECK(mapped_bytes() > before + (std::size_t{60} << 20));
    buffers.clear();
    INFO(bytes << " bytes");
    CHECK(mapped_bytes() < before + PagePool::kMostKeptBytes + (std::size_t{2} << 20));
  }
}

TEST_CASE(
    "many buffers for chunks of the smallest sizes take little more than they are counted for") {
  for (const std::size_t bytes : {1u, 4096u, 16'384u, 60'000u}) {
    constexpr std::size_t kRoom = BufferAccess::kHeadroomBytes + BufferAccess::kTailroomBytes;
    std::vector<Buffer> buffers(2000);
    const std::size_t before = mapped_bytes();
    std::size_t counted = 0;
    for (Buffer& buffer : buffers) {
      BufferAccess::allocate(buffer, bytes);
      counted += BufferAccess::allocated_bytes(buffer) + kRoom;
    }
    INFO(bytes << " bytes");
    CHECK(mapped_bytes() < before + counted + counted / 10 + (std::size_t{1} << 20));
  }
}

TEST_CASE("a restarted buffer keeps its memory and takes the new limit") {
  Buffer buffer(8000);
  buffer.resize(8000);
  const std::byte* const memory = buffer.data();
  BufferAccess::restart(buffer, 100);
  CHECK(buffer.empty());
  CHECK(thrown_by([&] { buffer.resize(101); }).kind() == errc::limit_exceeded);
  buffer.resize(100);
  CHECK(buffer.data() == memory);
}

TEST_CASE("a buffer refuses what there is no memory for, also where the size would overflow") {
  for (const std::size_t bytes : {SIZE_MAX, SIZE_MAX - 127, SIZE_MAX - 128, SIZE_MAX / 2}) {
    Buffer buffer(SIZE_MAX);
    CHECK_THROWS_AS(buffer.resize(bytes), std::bad_alloc);
    CHECK(buffer.empty());
  }
}

TEST_CASE("moving a buffer leaves an empty one behind") {
  Buffer from(100);
  from.resize(7);
  Buffer to = std::move(from);
  CHECK(to.size() == 7);
  CHECK(from.size() == 0);
  CHECK(from.data() == nullptr);
}

TEST_CASE("chunk sizes from 4 KiB to 256 MiB are accepted, others refused") {
  CHECK(ChunkSize::from_kib(4).bytes() == 4096);
  CHECK(ChunkSize::from_mib(256).bytes() == 268'435'456);
  CHECK(ChunkSize::from_bytes(5000).bytes() == 5000);
  for (const std::uint64_t bytes : {0ull, 4095ull, 268'435'457ull, ~0ull})
    CHECK(thrown_by([&] { ChunkSize::from_bytes(bytes); }).kind() == errc::invalid_argument);
  CHECK(thrown_by([] { ChunkSize::from_mib(~0ull / 2); }).kind() == errc::invalid_argument);
  CHECK(thrown_by([] { ChunkSize::from_kib(~0ull / 1024 + 5); }).kind() == errc::invalid_argument);
}

}  // namespace adapipe
