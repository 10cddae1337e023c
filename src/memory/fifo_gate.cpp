#include "memory/fifo_gate.hpp"

#include <utility>

namespace adapipe::inline v0_1 {

void FifoGate::enter(const void* who, Take take, Admitted admitted) {
  std::unique_lock lock(mutex_);
  waiting_.push_back({who, std::move(take), std::move(admitted), 0});
  admit_those_who_fit(std::move(lock));
}

bool FifoGate::withdraw(const void* who) noexcept {
  std::unique_lock lock(mutex_);
  const auto erased = std::erase_if(waiting_, [who](const Waiting& w) { return w.who == who; });
  admit_those_who_fit(std::move(lock));  // the one behind may be smaller
  return erased > 0;
}

void FifoGate::leave(std::size_t units) noexcept {
  std::unique_lock lock(mutex_);
  in_use_ -= units;
  admit_those_who_fit(std::move(lock));
}

bool FifoGate::try_extend(std::size_t units) {
  const std::lock_guard lock(mutex_);
  if (units > capacity_ - in_use_) return false;
  in_use_ += units;
  return true;
}

std::size_t FifoGate::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

std::size_t FifoGate::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void FifoGate::admit_those_who_fit(std::unique_lock<std::mutex> lock) noexcept {
  std::list<Waiting> admitted;  // by moving nodes, which takes no memory
  while (!waiting_.empty()) {
    const std::size_t taken = waiting_.front().take(capacity_ - in_use_);
    if (taken == 0) break;
    in_use_ += taken;
    waiting_.front().taken = taken;
    admitted.splice(admitted.end(), waiting_, waiting_.begin());
  }
  lock.unlock();
  for (Waiting& one : admitted) one.admitted(one.taken);
}

}  // namespace adapipe::inline v0_1
