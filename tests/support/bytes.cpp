#include "support/bytes.hpp"

#include <algorithm>
#include <cstring>

namespace adapipe::testing {

Bytes from_hex(std::string_view hex) {
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

Bytes from_text(std::string_view text) {
  Bytes out(text.size());
  if (!text.empty()) std::memcpy(out.data(), text.data(), text.size());
  return out;
}

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Bytes out(size);
  std::byte* const to = out.data();
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 8 == 0) seed += 0x9E3779B97F4A7C15u;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    to[i] = static_cast<std::byte>(z >> (8 * (i % 8)));
  }
  return out;
}

Bytes compressible_bytes(std::size_t size, std::uint64_t seed) {
  static constexpr std::string_view kWords[] = {"chunk ", "record ", "frame ", "index ", "nonce ",
                                                "tag ",   "key ",    "slot ",  "\n",     "stage "};
  const Bytes choices = random_bytes(size / 4 + 16, seed);
  const std::byte* choice = choices.data();
  const std::byte* const last_choice = choice + choices.size();
  Bytes out(size);
  for (std::size_t done = 0; done < size && choice != last_choice; ++choice) {
    const std::string_view word = kWords[static_cast<unsigned>(*choice) % 10];
    const std::size_t bytes = std::min(word.size(), size - done);
    std::memcpy(out.data() + done, word.data(), bytes);
    done += bytes;
  }
  return out;
}

}  // namespace adapipe::testing
