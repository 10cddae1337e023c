#pragma once

#include <adapipe/backend.hpp>
#include <cstdint>
#include <memory>

namespace adapipe::inline v0_1 {

/// Cipher numbers of the container; frozen.
enum CipherId : std::uint16_t {
  kAes256Gcm = 1,
  kChaCha20Poly1305 = 2,
  kAes128Gcm = 3,
};

/// The AEAD with this number, by OpenSSL's EVP; nullptr if there is none. The algorithm is fetched
/// once; each worker keeps its key schedule and only takes a new nonce per call.
std::shared_ptr<const CipherBackend> openssl_aead(std::uint16_t id);

}  // namespace adapipe::inline v0_1
