#pragma once

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>

namespace adapipe::inline v0_1 {

/// Owners of OpenSSL's objects.
template <auto Free>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using CipherPtr = std::unique_ptr<EVP_CIPHER, OpensslFree<EVP_CIPHER_free>>;
using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;
using DigestPtr = std::unique_ptr<EVP_MD, OpensslFree<EVP_MD_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using MacPtr = std::unique_ptr<EVP_MAC, OpensslFree<EVP_MAC_free>>;
using MacContextPtr = std::unique_ptr<EVP_MAC_CTX, OpensslFree<EVP_MAC_CTX_free>>;
using KdfPtr = std::unique_ptr<EVP_KDF, OpensslFree<EVP_KDF_free>>;
using KeyExchangePtr = std::unique_ptr<EVP_KEYEXCH, OpensslFree<EVP_KEYEXCH_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using KdfContextPtr = std::unique_ptr<EVP_KDF_CTX, OpensslFree<EVP_KDF_CTX_free>>;

/// Throws Error(resource_exhausted) naming the call and OpenSSL's reason, and clears the thread's
/// error queue.
[[noreturn]] void throw_openssl(const char* call);

/// For calls that return 1 on success.
inline void check_openssl(int result, const char* call) {
  if (result != 1) throw_openssl(call);
}

/// For calls that return an object, or nullptr on failure: `owned<MacPtr>(EVP_MAC_fetch(...),
/// ...)`.
template <typename Ptr>
Ptr owned(typename Ptr::pointer object, const char* call) {
  if (object == nullptr) throw_openssl(call);
  return Ptr(object);
}

/// nullptr, by which OpenSSL's calls mean the default library context. Throws
/// Error(resource_exhausted) if there was no memory to set that up: OpenSSL 3.0 would not look.
OSSL_LIB_CTX* default_context();

/// As throw_openssl(), for a call that looked for `algorithm`: Error(unsupported_version) if this
/// OpenSSL lacks it.
[[noreturn]] void throw_not_found(const char* algorithm, const char* call);

/// As owned(), for calls that look for an algorithm.
template <typename Ptr>
Ptr found(typename Ptr::pointer object, const char* algorithm, const char* call) {
  if (object == nullptr) throw_not_found(algorithm, call);
  return Ptr(object);
}

CipherPtr fetch_cipher(const char* name);

}  // namespace adapipe::inline v0_1
