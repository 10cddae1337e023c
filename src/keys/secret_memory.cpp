#include "keys/secret_memory.hpp"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <array>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>

namespace adapipe::inline v0_1 {
namespace {

class SecretPages final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t) override {
    void* const pages =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_DONTDUMP
    ::madvise(pages, bytes, MADV_DONTDUMP);  // a kernel that cannot do it refuses: no harm
#endif
    return pages;
  }
  void do_deallocate(void* pages, std::size_t bytes, std::size_t) override {
    ::munmap(pages, bytes);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

/// Secrets are small: many share a page, and what keeps account of them is there as well.
class SecretPool {
 public:
  void* allocate(std::size_t bytes, std::size_t alignment) {
    const std::lock_guard lock(mutex_);
    return pool_.allocate(bytes, alignment);
  }
  void deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
    const std::lock_guard lock(mutex_);
    pool_.deallocate(memory, bytes, alignment);
  }

 private:
  std::mutex mutex_;
  SecretPages pages_;
  std::pmr::unsynchronized_pool_resource pool_{&pages_};  // under mutex_
};

/// Never destroyed.
SecretPool& secret_pool() {
  alignas(SecretPool) static std::array<std::byte, sizeof(SecretPool)> memory;
  static SecretPool* const pool =
      std::construct_at(static_cast<SecretPool*>(static_cast<void*>(memory.data())));
  return *pool;
}

}  // namespace

void* allocate_secret(std::size_t bytes, std::size_t alignment) {
  return secret_pool().allocate(bytes, alignment);
}

void free_secret(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
  wipe({static_cast<std::byte*>(memory), bytes});
  secret_pool().deallocate(memory, bytes, alignment);
}

void wipe(std::span<std::byte> bytes) noexcept { OPENSSL_cleanse(bytes.data(), bytes.size()); }

}  // namespace adapipe::inline v0_1
