#include "memory/page_pool.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace adapipe::inline v0_1 {

PagePool& PagePool::shared() {
  static constinit PagePool pool;
  return pool;
}

std::byte* PagePool::take(std::size_t bytes) {
  for (;;) {
    const Block block = take_kept(bytes);
    if (block.memory) {
      if (block.bytes == bytes) return block.memory;
#ifndef ADAPIPE_WITHOUT_MREMAP
      void* const resized = ::mremap(block.memory, block.bytes, bytes, MREMAP_MAYMOVE);
      if (resized != MAP_FAILED) return static_cast<std::byte*>(resized);
#endif
      ::munmap(block.memory, block.bytes);
    }
    void* const memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) return static_cast<std::byte*>(memory);
    // Under a limit of the process, it may be what else is kept that is missing.
    if (!block.memory) throw std::bad_alloc();
  }
}

void PagePool::give_back(std::byte* memory, std::size_t bytes) noexcept {
  if (!keep({memory, bytes})) ::munmap(memory, bytes);
}

/// The last that was given back of this size, else the last: the most likely to be in a cache. Of
/// none, nullptr.
PagePool::Block PagePool::take_kept(std::size_t bytes) noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || kept_blocks_ == 0) return {};
  std::size_t at = kept_blocks_ - 1;
  for (std::size_t i = kept_blocks_; i > 0; --i) {
    if (kept_[i - 1].bytes == bytes) {
      at = i - 1;
      break;
    }
  }
  const Block block = std::exchange(kept_[at], kept_[--kept_blocks_]);
  kept_bytes_ -= block.bytes;
  return block;
}

bool PagePool::keep(Block block) noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || kept_blocks_ == kept_.size() || kept_bytes_ + block.bytes > kMostKeptBytes)
    return false;
  kept_[kept_blocks_++] = block;
  kept_bytes_ += block.bytes;
  return true;
}

}  // namespace adapipe::inline v0_1
