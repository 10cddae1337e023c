#pragma once

#include <adapipe/error.hpp>
#include <algorithm>
#include <cstddef>
#include <string>

#include "memory/fifo_gate.hpp"

namespace adapipe::inline v0_1 {

/// What one operation takes of the byte budget besides its slots, while it runs: the index, which
/// grows with the stream; of salvage(), which has no slots, all there is. The first kFreeBytes are
/// not counted, so that ordinary operations do not compete for crumbs. One thread at a time.
class MemoryAccount {
 public:
  static constexpr std::size_t kFreeBytes = 256 * 1024;

  explicit MemoryAccount(FifoGate& budget) noexcept : budget_(budget) {}
  ~MemoryAccount() {
    if (held_bytes_ > 0) budget_.leave(held_bytes_);
  }
  MemoryAccount(const MemoryAccount&) = delete;

  /// To be called before the memory is taken for `what`. Throws Error(resource_exhausted) if the
  /// budget does not have it at the moment: who holds chunks must not wait for more.
  void charge(std::size_t bytes, const char* what = "the index") {
    used_bytes_ += bytes;
    if (used_bytes_ <= held_bytes_ + kFreeBytes) return;
    const std::size_t more = std::max(used_bytes_ - held_bytes_ - kFreeBytes, kFreeBytes);
    if (!budget_.try_extend(more))
      throw Error(errc::resource_exhausted,
                  std::string(what) + " does not fit into the memory budget");
    held_bytes_ += more;
  }

 private:
  FifoGate& budget_;
  std::size_t used_bytes_ = 0;
  std::size_t held_bytes_ = 0;
};

}  // namespace adapipe::inline v0_1
