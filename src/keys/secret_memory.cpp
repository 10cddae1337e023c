#include "keys/secret_memory.hpp"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "util/own_process.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::size_t kMinBlockBytes = 16;
constexpr std::size_t kMaxBlockBytes = 4096;  // larger secrets get pages of their own
constexpr std::size_t kSlabBytes = 2 * kMaxBlockBytes;

void* map_pages(std::size_t bytes) {
  void* const pages =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_DONTDUMP
  ::madvise(pages, bytes, MADV_DONTDUMP);  // a kernel that cannot do it refuses: no harm
#endif
  return pages;
}

/// Secrets are small: those of about one size share pages, which are kept for the next ones. A free
/// block holds the account of the next, so that nothing is left to fail once the pages are there.
/// (std::pmr's pools of libstdc++ 12 crash when the second of their two allocations fails.)
class SecretPool {
 public:
  explicit SecretPool(const OwnProcess& process) noexcept : process_(process) {}

  void* allocate(std::size_t bytes) {
    if (bytes > kMaxBlockBytes) return map_pages(bytes);
    const std::size_t block_bytes = block_bytes_for(bytes);
    const std::lock_guard lock(mutex_);
    FreeBlock*& first = first_free(block_bytes);
    if (first == nullptr) cut_slab(block_bytes);
    return std::exchange(first, first->next);
  }
  void deallocate(void* memory, std::size_t bytes) noexcept {
    if (bytes > kMaxBlockBytes) {
      ::munmap(memory, bytes);
      return;
    }
    const std::lock_guard lock(mutex_);
    add_free(memory, block_bytes_for(bytes));
  }
  /// In a child of fork() nobody may be there who releases the lock, or ends what is half done.
  bool is_of_this_process() const noexcept { return process_.is_this(); }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };

  static std::size_t block_bytes_for(std::size_t bytes) {
    return std::bit_ceil(std::max(bytes, kMinBlockBytes));
  }
  FreeBlock*& first_free(std::size_t block_bytes) {
    return free_[static_cast<std::size_t>(std::countr_zero(block_bytes / kMinBlockBytes))];
  }
  void add_free(void* memory, std::size_t block_bytes) {
    FreeBlock*& first = first_free(block_bytes);
    first = std::construct_at(static_cast<FreeBlock*>(memory), FreeBlock{first});
  }
  void cut_slab(std::size_t block_bytes) {
    auto* const slab = static_cast<std::byte*>(map_pages(kSlabBytes));
    for (std::size_t at = kSlabBytes; at > 0; at -= block_bytes)
      add_free(slab + at - block_bytes, block_bytes);
  }

  const OwnProcess process_;
  std::mutex mutex_;
  std::array<FreeBlock*, std::countr_zero(kMaxBlockBytes / kMinBlockBytes) + 1> free_{};
};

/// That of this process: a child of fork() makes one of its own, and leaves its parent's as it is.
/// Never destroyed, and made without a lock, which such a child would not see released.
SecretPool& secret_pool() {
  static_assert(std::is_trivially_destructible_v<SecretPool>);
  constinit static std::atomic<SecretPool*> current = nullptr;
  SecretPool* pool = current.load(std::memory_order_acquire);
  if (pool && pool->is_of_this_process()) return *pool;
  const OwnProcess process;  // before there are pages that it could leave behind
  auto* const fresh =
      std::construct_at(static_cast<SecretPool*>(map_pages(sizeof(SecretPool))), process);
  if (current.compare_exchange_strong(pool, fresh, std::memory_order_acq_rel)) return *fresh;
  ::munmap(static_cast<void*>(fresh), sizeof(SecretPool));  // another thread was faster
  return *pool;
}

}  // namespace

void* allocate_secret(std::size_t bytes, std::size_t alignment) {
  return secret_pool().allocate(std::max(bytes, alignment));
}

void free_secret(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
  wipe({static_cast<std::byte*>(memory), bytes});
  try {
    secret_pool().deallocate(memory, std::max(bytes, alignment));
  } catch (const std::bad_alloc&) {  // for the pool of a child of fork(): the block is left alone
  }
}

void wipe(std::span<std::byte> bytes) noexcept { OPENSSL_cleanse(bytes.data(), bytes.size()); }

}  // namespace adapipe::inline v0_1
