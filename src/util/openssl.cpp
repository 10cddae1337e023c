#include "util/openssl.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <adapipe/error.hpp>
#include <string>

namespace adapipe::inline v0_1 {
namespace {

// OpenSSL would tidy up at exit, when threads may still be at work: those of an operation that a
// static object owns, or that is under way as another thread calls exit(). What it holds, the
// system takes back. The first call of a process decides, so it is made as the library is loaded;
// it takes 10 us.
[[gnu::constructor]] void keep_openssl_until_the_end() {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
}

}  // namespace

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

void throw_not_found(const char* algorithm, const char* call) {
  if (ERR_GET_REASON(ERR_peek_last_error()) != ERR_R_UNSUPPORTED) throw_openssl(call);
  ERR_clear_error();
  throw Error(errc::unsupported_version, std::string("this OpenSSL lacks ") + algorithm);
}

CipherPtr fetch_cipher(const char* name) {
  return found<CipherPtr>(EVP_CIPHER_fetch(default_context(), name, nullptr), name,
                          "EVP_CIPHER_fetch");
}

}  // namespace adapipe::inline v0_1
