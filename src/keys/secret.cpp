#include "keys/secret.hpp"

#include <openssl/crypto.h>

namespace adapipe::inline v0_1 {

void wipe(std::span<std::byte> bytes) noexcept { OPENSSL_cleanse(bytes.data(), bytes.size()); }

}  // namespace adapipe::inline v0_1
