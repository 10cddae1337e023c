#include "util/own_process.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace adapipe::inline v0_1 {

namespace {

std::size_t page_bytes_of_system() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::atomic<unsigned>* make_mark() {
  const std::size_t page_bytes = page_bytes_of_system();
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

constinit std::atomic<std::atomic<unsigned>*> OwnProcess::mark = nullptr;

OwnProcess::OwnProcess() {
  static constinit std::atomic<unsigned> numbers{0};  // a child goes on with its parent's
  std::atomic<unsigned>& made = made_mark();
  number_ = made.load(std::memory_order_relaxed);
  if (number_ != 0) return;
  const unsigned fresh = numbers.fetch_add(1, std::memory_order_relaxed) + 1;
  if (made.compare_exchange_strong(number_, fresh, std::memory_order_relaxed)) number_ = fresh;
}

/// Without a lock, which a fork() in another thread would leave locked in the child.
std::atomic<unsigned>& OwnProcess::made_mark() {
  std::atomic<unsigned>* made = mark.load(std::memory_order_acquire);
  if (made) return *made;
  std::atomic<unsigned>* const fresh = make_mark();
  if (mark.compare_exchange_strong(made, fresh, std::memory_order_acq_rel)) return *fresh;
  ::munmap(static_cast<void*>(fresh), page_bytes_of_system());  // another thread was faster
  return *made;
}

void OwnProcess::wipe_mark() noexcept {
  if (std::atomic<unsigned>* const made = mark.load(std::memory_order_relaxed))
    made->store(0, std::memory_order_relaxed);
}

}  // namespace adapipe::inline v0_1
