#pragma once

#include <atomic>

namespace adapipe::inline v0_1 {

/// Tells the process that made it from children that fork() makes of it. Costs a load, where
/// getpid() is a system call. Thread-safe.
class OwnProcess {
 public:
  /// Throws std::bad_alloc.
  OwnProcess();

  bool is_this() const noexcept { return forks_ == all_forks.load(std::memory_order_relaxed); }

 private:
  /// Between the first OwnProcess and here; counted by the child, before fork() returns in it.
  static std::atomic<unsigned> all_forks;

  unsigned forks_;
};

}  // namespace adapipe::inline v0_1
