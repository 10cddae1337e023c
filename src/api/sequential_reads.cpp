#include "api/sequential_reads.hpp"

#include <algorithm>

namespace adapipe::inline v0_1 {

std::uint64_t SequentialReads::note(std::uint64_t offset, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  auto run =
      std::find_if(runs_.begin(), runs_.end(), [&](const Run& r) { return r.end == offset; });
  if (run == runs_.end()) {
    run = runs_.begin() + static_cast<std::ptrdiff_t>(oldest_);
    oldest_ = (oldest_ + 1) % kRuns;
    *run = {};
  }
  run->end = offset + bytes;
  return ++run->reads;
}

}  // namespace adapipe::inline v0_1
