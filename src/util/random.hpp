#pragma once

#include <cstddef>
#include <span>

namespace adapipe::inline v0_1 {

/// Where keys and salts come from. Passed down as a parameter, so that tests can fix them.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  /// Throws Error(resource_exhausted) if there is no randomness to be had.
  virtual void fill(std::span<std::byte> out) = 0;
};

/// The operating system's generator, getrandom(2). Thread-safe.
RandomSource& system_random() noexcept;

}  // namespace adapipe::inline v0_1
