// A provider for OpenSSL that has what its default provider has, but for an algorithm of each
// kind that adapipe looks for.

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <cstring>
#include <map>
#include <mutex>
#include <vector>

namespace {

OSSL_LIB_CTX* library = nullptr;
OSSL_PROVIDER* everything = nullptr;

bool is_lacking(const OSSL_ALGORITHM& algorithm) {
  for (const char* name : {"ChaCha20-Poly1305", "SCRYPT", "X25519"})
    if (std::strstr(algorithm.algorithm_names, name) != nullptr) return true;
  return false;
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_store) {
  static std::map<int, std::vector<OSSL_ALGORITHM>> few;  // OpenSSL keeps pointers into it
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::vector<OSSL_ALGORITHM>& made = few[operation];
  if (made.empty()) {
    const OSSL_ALGORITHM* one = OSSL_PROVIDER_query_operation(everything, operation, no_store);
    for (; one != nullptr && one->algorithm_names != nullptr; ++one)
      if (!is_lacking(*one)) made.push_back(*one);
    made.push_back({});
  }
  return made.data();
}

void tear_down(void*) {
  OSSL_PROVIDER_unload(everything);
  OSSL_LIB_CTX_free(library);
}

const OSSL_DISPATCH kFunctions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)},
    {OSSL_FUNC_PROVIDER_TEARDOWN, reinterpret_cast<void (*)()>(tear_down)},
    {0, nullptr}};

}  // namespace

extern "C" [[gnu::visibility("default")]] int OSSL_provider_init(const OSSL_CORE_HANDLE*,
                                                                 const OSSL_DISPATCH*,
                                                                 const OSSL_DISPATCH** functions,
                                                                 void** context) {
  library = OSSL_LIB_CTX_new();
  everything = OSSL_PROVIDER_load(library, "default");
  if (everything == nullptr) return 0;
  *functions = kFunctions;
  *context = OSSL_PROVIDER_get0_provider_ctx(everything);
  return 1;
}
