#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace adapipe::testing {

using Bytes = std::vector<std::byte>;

/// "0a ff" and "0aff" alike.
Bytes from_hex(std::string_view hex);
Bytes from_text(std::string_view text);
/// Bytes that no codec shrinks, the same for the same seed (SplitMix64).
Bytes random_bytes(std::size_t size, std::uint64_t seed);
/// Text-like bytes that every codec shrinks to less than half.
Bytes compressible_bytes(std::size_t size, std::uint64_t seed);

}  // namespace adapipe::testing
