#pragma once

#include <cstdint>
#include <random>

#include "util/random.hpp"

namespace adapipe::testing {

/// Gives 00 01 02 .. ff 00 01 .., so that what a test draws can be written down.
class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(std::uint8_t first = 0) noexcept : next_(first) {}

  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = std::byte{next_++};
  }

 private:
  std::uint8_t next_;
};

/// Gives bytes that come from `seed` alone and are found nowhere else, made where they are wanted.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint32_t seed) noexcept : engine_(seed) {}

  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = static_cast<std::byte>(engine_() >> 24);
  }

 private:
  std::mt19937 engine_;
};

}  // namespace adapipe::testing
