#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace adapipe::inline v0_1 {

/// Unaligned loads and stores with a fixed byte order. `at` must have sizeof(T) bytes.
template <std::unsigned_integral T>
void store_le(std::byte* at, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

template <std::unsigned_integral T>
T load_le(const std::byte* at) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | (static_cast<T>(at[i]) << (8 * i)));
  return value;
}

inline void store_be64(std::byte* at, std::uint64_t value) noexcept {
  for (std::size_t i = 0; i < 8; ++i) at[i] = static_cast<std::byte>(value >> (56 - 8 * i));
}

}  // namespace adapipe::inline v0_1
