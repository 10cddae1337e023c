#include "util/stack_wipe.hpp"

#include <openssl/crypto.h>

#include <cstddef>

namespace adapipe::inline v0_1 {

[[gnu::noinline]] void StackWipe::overwrite() noexcept {
  std::byte frames[4096];  // OpenSSL's frames take up to 2.5 KiB of it
  OPENSSL_cleanse(frames, sizeof(frames));
}

}  // namespace adapipe::inline v0_1
