#include "faults/failing_memory.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

namespace adapipe::testing {
namespace {

std::atomic<bool> is_short{false};
std::atomic<bool> lasts{false};
std::atomic<std::size_t> first{0};
std::atomic<std::size_t> asked{0};

bool fails() noexcept {
  if (!is_short.load(std::memory_order_acquire)) return false;
  const std::size_t number = ++asked;
  if (number != first && !(lasts && number > first)) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

FailingMemory::FailingMemory(Shortage shortage) noexcept {
  asked = 0;
  first = shortage.first;
  lasts = shortage.lasts;
  is_short = shortage.first > 0;
}

FailingMemory::~FailingMemory() { is_short = false; }

bool FailingMemory::has_failed() noexcept { return asked >= first; }

}  // namespace adapipe::testing

using adapipe::testing::fails;

#ifdef ADAPIPE_SANITIZED

void* operator new(std::size_t bytes) {
  void* const memory = fails() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return fails() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#else

extern "C" {

// What glibc's own are called, for those who replace them.
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) { return fails() ? nullptr : __libc_malloc(bytes); }
void* calloc(std::size_t count, std::size_t bytes) {
  return fails() ? nullptr : __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
  return fails() ? nullptr : __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  return fails() ? nullptr : __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  *memory = memalign(alignment, bytes);
  return *memory ? 0 : ENOMEM;
}

}  // extern "C"

#endif
