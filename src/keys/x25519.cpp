#include "keys/x25519.hpp"

#include <openssl/err.h>

#include "keys/secret.hpp"
#include "util/for_good.hpp"
#include "util/openssl.hpp"
#include "util/stack_wipe.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr char kName[] = "X25519";

const unsigned char* raw(std::span<const std::byte, 32> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

KeyPtr make_private_key(std::span<const std::byte, 32> bytes) {
  return found<KeyPtr>(
      EVP_PKEY_new_raw_private_key_ex(default_context(), kName, nullptr, raw(bytes), bytes.size()),
      kName, "EVP_PKEY_new_raw_private_key_ex");
}

}  // namespace

void x25519_public_key(std::span<const std::byte, 32> private_key,
                       std::span<std::byte, 32> public_key) {
  const KeyPtr key = make_private_key(private_key);
  std::size_t size = public_key.size();
  check_openssl(EVP_PKEY_get_raw_public_key(
                    key.get(), reinterpret_cast<unsigned char*>(public_key.data()), &size),
                "EVP_PKEY_get_raw_public_key");
}

bool x25519(std::span<const std::byte, 32> private_key,
            std::span<const std::byte, 32> other_public_key, std::span<std::byte, 32> secret) {
  const StackWipe wipe_stack;
  // Looked for first, because EVP_PKEY_derive_init would not tell that it is not there.
  static const ForGood exchange(found<KeyExchangePtr>(
      EVP_KEYEXCH_fetch(default_context(), kName, nullptr), kName, "EVP_KEYEXCH_fetch"));
  const KeyPtr key = make_private_key(private_key);
  const auto other =
      owned<KeyPtr>(EVP_PKEY_new_raw_public_key_ex(default_context(), kName, nullptr,
                                                   raw(other_public_key), other_public_key.size()),
                    "EVP_PKEY_new_raw_public_key_ex");
  const auto context =
      owned<KeyContextPtr>(EVP_PKEY_CTX_new_from_pkey(default_context(), key.get(), nullptr),
                           "EVP_PKEY_CTX_new_from_pkey");
  check_openssl(EVP_PKEY_derive_init(context.get()), "EVP_PKEY_derive_init");
  check_openssl(EVP_PKEY_derive_set_peer(context.get(), other.get()), "EVP_PKEY_derive_set_peer");
  std::size_t size = secret.size();
  if (EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(secret.data()), &size) == 1)
    return true;
  // With everything set up and memory, the one reason for which it fails is the secret that is
  // zero.
  if (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
    throw_openssl("EVP_PKEY_derive");
  ERR_clear_error();
  wipe(secret);
  return false;
}

}  // namespace adapipe::inline v0_1
