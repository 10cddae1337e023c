#include "util/own_process.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace adapipe::inline v0_1 {

namespace {

std::atomic<unsigned>* make_mark() {
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const page =
      ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  if (::madvise(page, page_bytes, MADV_WIPEONFORK) != 0 &&
      pthread_atfork(nullptr, nullptr, OwnProcess::wipe_mark) != 0) {
    ::munmap(page, page_bytes);
    throw std::bad_alloc();
  }
  return new (page) std::atomic<unsigned>(0);
}

}  // namespace

constinit std::atomic<unsigned>* OwnProcess::mark = nullptr;

OwnProcess::OwnProcess() {
  static std::atomic<unsigned> numbers{0};  // a child goes on with its parent's
  static std::atomic<unsigned>* const made = mark = make_mark();
  number_ = made->load(std::memory_order_relaxed);
  if (number_ != 0) return;
  const unsigned fresh = numbers.fetch_add(1, std::memory_order_relaxed) + 1;
  if (made->compare_exchange_strong(number_, fresh, std::memory_order_relaxed)) number_ = fresh;
}

void OwnProcess::wipe_mark() noexcept { mark->store(0, std::memory_order_relaxed); }

}  // namespace adapipe::inline v0_1
