#include "cipher/host_cipher.hpp"

#include <string>

namespace adapipe::inline v0_1 {

void check_host_cipher(const CipherBackend& backend, errc kind) {
  if (!is_host_cipher(backend.id()))
    throw Error(kind, "a host's own cipher has a number from 32768 to 65535, not " +
                          std::to_string(backend.id()))
        .in_stage(backend.name());
  if (backend.key_bytes() != 16 && backend.key_bytes() != 32)
    throw Error(
        kind, "a cipher has a key of 16 or 32 bytes, not of " + std::to_string(backend.key_bytes()))
        .in_stage(backend.name());
}

}  // namespace adapipe::inline v0_1
