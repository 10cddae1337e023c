#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace adapipe::testing {

using Bytes = std::vector<std::byte>;

/// "0a ff" and "0aff" alike.
inline Bytes from_hex(std::string_view hex) {
  const auto nibble = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  };
  Bytes out;
  for (std::size_t i = 0; i < hex.size();) {
    if (hex[i] == ' ' || hex[i] == '\n') {
      ++i;
      continue;
    }
    out.push_back(static_cast<std::byte>(nibble(hex[i]) << 4 | nibble(hex[i + 1])));
    i += 2;
  }
  return out;
}

inline Bytes from_text(std::string_view text) {
  Bytes out;
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
  return out;
}

/// Bytes that no codec shrinks, the same for the same seed (SplitMix64).
inline Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 8 == 0) seed += 0x9E3779B97F4A7C15u;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    out[i] = static_cast<std::byte>(z >> (8 * (i % 8)));
  }
  return out;
}

/// Text-like bytes that every codec shrinks to less than half.
inline Bytes compressible_bytes(std::size_t size, std::uint64_t seed) {
  static constexpr std::string_view kWords[] = {"chunk ", "record ", "frame ", "index ", "nonce ",
                                                "tag ",   "key ",    "slot ",  "\n",     "stage "};
  Bytes out;
  out.reserve(size + 16);
  for (const std::byte b : random_bytes(size / 4 + 16, seed)) {
    for (const char c : kWords[static_cast<unsigned>(b) % 10]) out.push_back(std::byte(c));
    if (out.size() >= size) break;
  }
  out.resize(size);
  return out;
}

}  // namespace adapipe::testing
