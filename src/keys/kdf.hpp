#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

/// The hash functions and key derivations of the container, by OpenSSL. All are thread-safe and
/// throw Error(unsupported_version) when OpenSSL lacks the algorithm, and Error(resource_exhausted)
/// when it fails. `parts` are concatenated.
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

/// Cost of PBKDF2-HMAC-SHA-256 (RFC 8018), at least 1.
struct Pbkdf2Cost {
  std::uint32_t iterations = 600'000;
  friend bool operator==(const Pbkdf2Cost&, const Pbkdf2Cost&) = default;
};
void pbkdf2(ByteSpan passphrase, ByteSpan salt, Pbkdf2Cost cost, std::span<std::byte> out);

/// Costs of Argon2id (RFC 9106); at least 8 KiB for each lane, one pass, one lane.
struct Argon2idCost {
  std::uint32_t memory_kib = 64 * 1024;
  std::uint32_t passes = 3;
  std::uint8_t lanes = 4;
  friend bool operator==(const Argon2idCost&, const Argon2idCost&) = default;
};
/// Version 0x13, without secret and associated data.
void argon2id(ByteSpan passphrase, ByteSpan salt, Argon2idCost cost, std::span<std::byte> out);
/// Whether the OpenSSL at hand has it; 3.2 and later do. Throws
/// Error(resource_exhausted) if there is no memory to find out.
bool has_argon2id();

/// In a time that depends on the lengths only.
bool equal_constant_time(ByteSpan a, ByteSpan b) noexcept;

}  // namespace adapipe::inline v0_1
