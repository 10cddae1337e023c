// A provider for OpenSSL that has what its default provider has, but for ChaCha20-Poly1305.

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <cstring>
#include <vector>

namespace {

OSSL_LIB_CTX* library = nullptr;
OSSL_PROVIDER* everything = nullptr;

const OSSL_ALGORITHM* query(void*, int operation, int* no_store) {
  const OSSL_ALGORITHM* const all = OSSL_PROVIDER_query_operation(everything, operation, no_store);
  if (operation != OSSL_OP_CIPHER) return all;
  static const std::vector<OSSL_ALGORITHM> few = [all] {
    std::vector<OSSL_ALGORITHM> made;
    for (const OSSL_ALGORITHM* one = all; one->algorithm_names != nullptr; ++one)
      if (std::strstr(one->algorithm_names, "ChaCha20-Poly1305") == nullptr) made.push_back(*one);
    made.push_back({});
    return made;
  }();
  return few.data();
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
