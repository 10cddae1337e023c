#pragma once

#include <cstddef>
#include <span>

namespace adapipe::inline v0_1 {

/// X25519 (RFC 7748), by OpenSSL: keys are 32 bytes as the RFC writes them. Both are thread-safe
/// and throw Error(unsupported_version) when OpenSSL lacks it, and Error(resource_exhausted) when
/// it fails.

/// The public key that belongs to `private_key`; any 32 bytes are one.
void x25519_public_key(std::span<const std::byte, 32> private_key,
                       std::span<std::byte, 32> public_key);

/// The secret that the owners of two key pairs share. false, with `secret` wiped, if it is zero:
/// the other's public key is one of the few of low order, whose secret anybody knows.
[[nodiscard]] bool x25519(std::span<const std::byte, 32> private_key,
                          std::span<const std::byte, 32> other_public_key,
                          std::span<std::byte, 32> secret);

}  // namespace adapipe::inline v0_1
