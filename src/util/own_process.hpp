#pragma once

#include <atomic>

namespace adapipe::inline v0_1 {

/// Tells the process that made it from the children of that process. Costs a load, where getpid()
/// is a system call. Thread-safe.
class OwnProcess {
 public:
  /// Throws std::bad_alloc.
  OwnProcess();

  bool is_this() const noexcept {
    return number_ == mark.load(std::memory_order_relaxed)->load(std::memory_order_relaxed);
  }

  /// For a kernel that cannot do it: a handler of pthread_atfork().
  static void wipe_mark() noexcept;

 private:
  /// The number of this process, in a page that the kernel empties in every child: also in one that
  /// _Fork() or clone() made, and before the host's handlers of pthread_atfork() run, which may
  /// destroy what has threads. 0: it has none yet.
  static std::atomic<std::atomic<unsigned>*> mark;
  static std::atomic<unsigned>& made_mark();

  unsigned number_;
};

}  // namespace adapipe::inline v0_1
