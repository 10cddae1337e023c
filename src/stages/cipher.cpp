#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <adapipe/stages.hpp>
#include <utility>

#include "cipher/openssl_aead.hpp"

namespace adapipe::inline v0_1 {

Cipher::Cipher(std::shared_ptr<const CipherBackend> backend, CipherOptions options)
    : backend_(std::move(backend)), options_(std::move(options)) {
  if (!backend_) throw Error(errc::invalid_argument, "a cipher was given no backend");
}

Cipher aes_256_gcm(CipherOptions options) { return {openssl_aead(kAes256Gcm), std::move(options)}; }

Cipher aes_128_gcm(CipherOptions options) { return {openssl_aead(kAes128Gcm), std::move(options)}; }

Cipher chacha20_poly1305(CipherOptions options) {
  return {openssl_aead(kChaCha20Poly1305), std::move(options)};
}

}  // namespace adapipe::inline v0_1
