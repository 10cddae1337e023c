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

  /// What the budget is short of once that many bytes are charged.
  static constexpr std::size_t counted(std::size_t bytes) noexcept {
    return bytes - std::min(bytes, kFreeBytes);
  }

  /// What there is in all, for all operations.
  std::size_t budget_bytes() const noexcept { return budget_.capacity(); }

  /// So much of the budget was obtained for it beforehand; what is charged comes from that first.
  void take_over(std::size_t bytes) noexcept { held_bytes_ += bytes; }

  /// To be called before the memory is taken for `what`. Throws Error(resource_exhausted) if the
  /// budget does not have it at the moment: who holds chunks must not wait for more. Nothing is
  /// charged then.
  void charge(std::size_t bytes, const char* what = "the index") {
    const std::size_t used_bytes = used_bytes_ + bytes;
    if (used_bytes > held_bytes_ + kFreeBytes) {
      const std::size_t more = std::max(used_bytes - held_bytes_ - kFreeBytes, kFreeBytes);
      if (!budget_.try_extend(more))
        throw Error(errc::resource_exhausted,
                    std::string(what) + " does not fit into the memory budget");
      held_bytes_ += more;
    }
    used_bytes_ = used_bytes;
  }

  /// Of what was charged, this much is free again, for others as well.
  void give_back(std::size_t bytes) noexcept {
    used_bytes_ -= bytes;
    const std::size_t needed_bytes = counted(used_bytes_);
    if (held_bytes_ <= needed_bytes) return;
    budget_.leave(held_bytes_ - needed_bytes);
    held_bytes_ = needed_bytes;
  }

 private:
  FifoGate& budget_;
  std::size_t used_bytes_ = 0;
  std::size_t held_bytes_ = 0;
};

}  // namespace adapipe::inline v0_1
