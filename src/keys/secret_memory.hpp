#pragma once

#include <cstddef>
#include <span>

namespace adapipe::inline v0_1 {

/// Memory that holds secrets and nothing else. It has pages of its own, which core dumps leave out
/// where the system can (MADV_DONTDUMP), and is wiped when it is given back. Thread-safe, until the
/// process ends: a host's static object may hold a key for longer than ours live.
///
/// The pages are not locked against swapping. That would take from the host's RLIMIT_MEMLOCK, which
/// is small, and fail in the middle of somebody's batch; the chunks in clear are not locked either.
/// What OpenSSL makes of a key while it works with it is in its own memory: wiped by OpenSSL when
/// it is freed, but in a dump that is taken before.
///
/// Throws std::bad_alloc. `alignment` is at most that of a page.
void* allocate_secret(std::size_t bytes, std::size_t alignment);
/// With the sizes that were asked for.
void free_secret(void* memory, std::size_t bytes, std::size_t alignment) noexcept;

/// Overwrites memory in a way that the compiler keeps.
void wipe(std::span<std::byte> bytes) noexcept;

/// That memory for the containers and pointers of the standard library.
template <typename T>
struct SecretAllocator {
  using value_type = T;

  SecretAllocator() = default;
  template <typename U>
  SecretAllocator(const SecretAllocator<U>&) noexcept {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(allocate_secret(count * sizeof(T), alignof(T)));
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    free_secret(memory, count * sizeof(T), alignof(T));
  }
  friend bool operator==(SecretAllocator, SecretAllocator) noexcept { return true; }
};

}  // namespace adapipe::inline v0_1
