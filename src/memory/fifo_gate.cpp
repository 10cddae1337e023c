#include "memory/fifo_gate.hpp"

#include <utility>
#include <vector>

namespace adapipe::inline v0_1 {

void FifoGate::enter(const void* who, Take take, Admitted admitted) {
  std::unique_lock lock(mutex_);
  waiting_.push_back({who, std::move(take), std::move(admitted)});
  admit_those_who_fit(std::move(lock));
}

bool FifoGate::withdraw(const void* who) {
  std::unique_lock lock(mutex_);
  const auto erased = std::erase_if(waiting_, [who](const Waiting& w) { return w.who == who; });
  admit_those_who_fit(std::move(lock));  // the one behind may be smaller
  return erased > 0;
}

void FifoGate::leave(std::size_t units) {
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

void FifoGate::admit_those_who_fit(std::unique_lock<std::mutex> lock) {
  std::vector<Admission> admissions;
  while (!waiting_.empty()) {
    const std::size_t taken = waiting_.front().take(capacity_ - in_use_);
    if (taken == 0) break;
    in_use_ += taken;
    admissions.push_back({std::move(waiting_.front().admitted), taken});
    waiting_.pop_front();
  }
  lock.unlock();
  for (Admission& admission : admissions) admission.admitted(admission.taken);
}

}  // namespace adapipe::inline v0_1
