#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

/// The hash functions and key derivations of the container, by OpenSSL. All are thread-safe and
/// throw Error(resource_exhausted) when OpenSSL fails. `parts` are concatenated.
using Digest256 = std::array<std::byte, 32>;

/// SHA-256 (FIPS 180-4).
Digest256 sha256(std::initializer_list<ByteSpan> parts);

/// HMAC-SHA-256 (RFC 2104).
Digest256 hmac_sha256(ByteSpan key, std::initializer_list<ByteSpan> parts);

/// HKDF-SHA-256 (RFC 5869), extract and expand; `out` is 1 .. 8160 bytes.
void hkdf_sha256(ByteSpan ikm, ByteSpan salt, ByteSpan info, std::span<std::byte> out);

/// Costs of scrypt (RFC 7914): 2^log2_n blocks of 128 * r bytes, p times.
struct ScryptCost {
  std::uint8_t log2_n = 17;
  std::uint8_t r = 8;
  std::uint8_t p = 1;
  friend bool operator==(const ScryptCost&, const ScryptCost&) = default;
};
void scrypt(ByteSpan passphrase, ByteSpan salt, ScryptCost cost, std::span<std::byte> out);

/// In a time that depends on the lengths only.
bool equal_constant_time(ByteSpan a, ByteSpan b) noexcept;

}  // namespace adapipe::inline v0_1
