#pragma once

#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <cstdint>

namespace adapipe::inline v0_1 {

/// The container's cipher numbers from here on are left to hosts, for ciphers of their own.
inline constexpr std::uint16_t kFirstHostCipher = 0x8000;

constexpr bool is_host_cipher(std::uint16_t id) noexcept { return id >= kFirstHostCipher; }

/// Throws Error(kind) if a host's backend has a number that is not the hosts' to give, or a key
/// that no container has.
void check_host_cipher(const CipherBackend& backend, errc kind);

}  // namespace adapipe::inline v0_1
