#include <sys/mman.h>

#include <adapipe/chunk.hpp>
#include <adapipe/error.hpp>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "memory/buffer_access.hpp"
#include "memory/page_pool.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
/// malloc does well with less.
constexpr std::size_t kPooledBytes = std::size_t{128} << 10;

std::size_t round_up_to_pages(std::size_t bytes) {
  if (bytes > PTRDIFF_MAX - 2 * kPageBytes) throw std::bad_alloc();  // no object is larger
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

/// Big buffers ask for huge pages: a 4 MiB chunk then costs two page faults instead of a thousand,
/// and few TLB misses. Small ones stand anywhere: between two that begin with a page, malloc leaves
/// the most of one that is good for nothing.
std::byte* allocate(std::size_t bytes) {
  const bool huge = bytes >= kHugePageBytes;
  void* memory = nullptr;
  if (!huge)
    memory = std::malloc(bytes);
  else if (::posix_memalign(&memory, kHugePageBytes, bytes) != 0)
    memory = nullptr;
  if (!memory) throw std::bad_alloc();
  if (huge) ::madvise(memory, bytes, MADV_HUGEPAGE);  // a wish; refusing it does no harm
  return static_cast<std::byte*>(memory);
}

}  // namespace

ChunkSize ChunkSize::from_bytes(std::uint64_t bytes) {
  if (bytes < kMinBytes || bytes > kMaxBytes)
    throw Error(errc::invalid_argument,
                "chunk size " + std::to_string(bytes) + " is not within 4 KiB .. 256 MiB");
  return ChunkSize(static_cast<std::uint32_t>(bytes));
}

ChunkSize ChunkSize::from_kib(std::uint64_t kib) {
  return from_bytes(kib > kMaxBytes ? UINT64_MAX : kib * 1024);
}

ChunkSize ChunkSize::from_mib(std::uint64_t mib) {
  return from_bytes(mib > kMaxBytes ? UINT64_MAX : mib * 1024 * 1024);
}

Buffer::Buffer(Buffer&& other) noexcept { *this = std::move(other); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  memory_ = std::move(other.memory_);
  bytes_ = std::exchange(other.bytes_, nullptr);
  size_ = std::exchange(other.size_, 0);
  allocated_bytes_ = std::exchange(other.allocated_bytes_, 0);
  max_bytes_ = other.max_bytes_;
  return *this;
}

void Buffer::Free::operator()(std::byte* memory) const noexcept {
  if (pooled_bytes > 0)
    PagePool::shared().give_back(memory, pooled_bytes);
  else
    std::free(memory);
}

void Buffer::resize(std::size_t bytes) {
  if (bytes > max_bytes_)
    throw Error(errc::limit_exceeded, "output of " + std::to_string(bytes) +
                                          " bytes exceeds the limit of " +
                                          std::to_string(max_bytes_));
  if (bytes > allocated_bytes_) grow(bytes);
  size_ = bytes;
}

void Buffer::grow(std::size_t bytes) {
  constexpr std::size_t kRoom = BufferAccess::kHeadroomBytes + BufferAccess::kTailroomBytes;
  if (bytes > PTRDIFF_MAX - kRoom) throw std::bad_alloc();
  const std::size_t total = round_up_to_pages(bytes + kRoom);
  const bool pooled = total >= kPooledBytes && total < kHugePageBytes;
  std::unique_ptr<std::byte[], Free> memory(
      pooled ? PagePool::shared().take(total) : allocate(total), Free{pooled ? total : 0});
  std::byte* const data = memory.get() + BufferAccess::kHeadroomBytes;
  if (size_ > 0) std::memcpy(data, bytes_, size_);
  memory_ = std::move(memory);
  bytes_ = data;
  allocated_bytes_ = total - kRoom;
}

}  // namespace adapipe::inline v0_1
