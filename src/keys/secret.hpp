#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "keys/secret_memory.hpp"

namespace adapipe::inline v0_1 {

/// Secret bytes of a length fixed at construction, zero at first, in memory for secrets. Moving
/// takes the bytes along; the source has none left.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size) : bytes_(size) {}
  explicit SecretBytes(std::span<const std::byte> bytes) : bytes_(bytes.begin(), bytes.end()) {}

  std::span<std::byte> bytes() noexcept { return bytes_; }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }

 private:
  std::vector<std::byte, SecretAllocator<std::byte>> bytes_;
};

/// The same for a length that the type says. A moved-from one may be destroyed or assigned to, and
/// nothing else.
template <std::size_t N>
class SecretArray {
 public:
  SecretArray() : bytes_(N) {}
  explicit SecretArray(std::span<const std::byte, N> bytes) : bytes_(bytes) {}

  std::span<std::byte, N> bytes() noexcept { return bytes_.bytes().template first<N>(); }
  std::span<const std::byte, N> bytes() const noexcept {
    return bytes_.bytes().template first<N>();
  }

 private:
  SecretBytes bytes_;
};

}  // namespace adapipe::inline v0_1
