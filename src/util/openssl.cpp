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

CipherPtr fetch_cipher(const char* name) {
  return owned<CipherPtr>(EVP_CIPHER_fetch(nullptr, name, nullptr), "EVP_CIPHER_fetch");
}

}  // namespace adapipe::inline v0_1
