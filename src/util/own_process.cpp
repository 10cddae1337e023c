#include "util/own_process.hpp"

#include <pthread.h>

#include <new>

namespace adapipe::inline v0_1 {

constinit std::atomic<unsigned> OwnProcess::all_forks{0};

OwnProcess::OwnProcess() {
  static const bool counted = [] {
    const auto count = [] { all_forks.fetch_add(1, std::memory_order_relaxed); };
    if (pthread_atfork(nullptr, nullptr, count) != 0) throw std::bad_alloc();
    return true;
  }();
  static_cast<void>(counted);
  forks_ = all_forks.load(std::memory_order_relaxed);
}

}  // namespace adapipe::inline v0_1
