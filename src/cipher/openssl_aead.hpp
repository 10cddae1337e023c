#pragma once

#include <adapipe/backend.hpp>
#include <cstdint>
#include <memory>

namespace adapipe::inline v0_1 {

/// Cipher numbers of the container; frozen. From kFirstHostCipher on they are the hosts'.
enum CipherId : std::uint16_t {
  kAes256Gcm = 1,
  kChaCha20Poly1305 = 2,
  kAes128Gcm = 3,
};

/// nullptr if there is none with this number. Whether this OpenSSL has it or not.
const char* cipher_name(std::uint16_t id) noexcept;

/// Whether it is one of openssl_aead()'s.
bool is_openssl_aead(const CipherBackend& backend) noexcept;

/// The AEAD with this number, by OpenSSL's EVP; nullptr if there is none. The algorithm is fetched
/// by the first call for it; each worker keeps its key schedule and only takes a new nonce per
/// call. Throws Error(unsupported_version) if this OpenSSL lacks it. Thread-safe.
std::shared_ptr<const CipherBackend> openssl_aead(std::uint16_t id);

}  // namespace adapipe::inline v0_1
