#include "util/openssl.hpp"

#include <openssl/err.h>

#include <adapipe/error.hpp>
#include <string>

namespace adapipe::inline v0_1 {

void throw_openssl(const char* call) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string message = std::string("OpenSSL's ") + call + " failed";
  if (reason != nullptr) message += std::string(": ") + reason;
  ERR_clear_error();
  throw Error(errc::resource_exhausted, std::move(message));
}

OSSL_LIB_CTX* default_context() {
  if (OSSL_LIB_CTX_get0_global_default() == nullptr)
    throw Error(errc::resource_exhausted, "there was no memory to set OpenSSL up");
  return nullptr;
}

CipherPtr fetch_cipher(const char* name) {
  EVP_CIPHER* const cipher = EVP_CIPHER_fetch(default_context(), name, nullptr);
  if (cipher == nullptr && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_UNSUPPORTED) {
    ERR_clear_error();
    throw Error(errc::unsupported_version, std::string("this OpenSSL lacks ") + name);
  }
  return owned<CipherPtr>(cipher, "EVP_CIPHER_fetch");
}

}  // namespace adapipe::inline v0_1
