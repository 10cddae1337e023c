#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace adapipe::inline v0_1 {

/// Recognises reads that go on where an earlier one ended, also of several readers that take turns.
/// Thread-safe.
class SequentialReads {
 public:
  static constexpr std::size_t kRuns = 8;  ///< told apart; one more, and the oldest is forgotten

  /// Notes a read of `bytes` from `offset`; returns how many reads went on from each other, with
  /// this one.
  std::uint64_t note(std::uint64_t offset, std::size_t bytes);

 private:
  struct Run {
    std::uint64_t end = UINT64_MAX;
    std::uint64_t reads = 0;
  };
  std::mutex mutex_;
  std::array<Run, kRuns> runs_;
  std::size_t oldest_ = 0;
};

}  // namespace adapipe::inline v0_1
