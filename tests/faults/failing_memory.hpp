#pragma once

#include <cstddef>

namespace adapipe::testing {

/// Which allocations of the whole process, counted from 1 over all threads, fail.
struct Shortage {
  std::size_t first = 0;  ///< 0: none
  bool lasts = false;     ///< every later one, too
};

/// Memory is short as long as this lives; one at a time. It concerns what malloc() and its kin
/// give, operator new included; under a sanitizer, which has malloc() to itself, operator new
/// alone.
class FailingMemory {
 public:
  explicit FailingMemory(Shortage shortage) noexcept;
  ~FailingMemory();
  FailingMemory(const FailingMemory&) = delete;

  /// Whether the first one that was to fail has been asked for.
  static bool has_failed() noexcept;
};

}  // namespace adapipe::testing
