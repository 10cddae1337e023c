#pragma once

#include <adapipe/keys.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/stage.hpp>
#include <cstdint>
#include <memory>
#include <string_view>

#include "keys/kdf.hpp"
#include "support/key_providers.hpp"

namespace adapipe::testing {

/// 80 81 .. 9f, in keys/shared.key.
SharedKey shared_vector_key();

/// In keys/passphrase. Not ASCII, because a passphrase is its bytes.
inline constexpr std::string_view kPassphrase = "sch\u00f6ne Gr\u00fc\u00dfe";
/// The least that a reader accepts.
inline constexpr ScryptCost kCheapScrypt{.log2_n = 10, .r = 8, .p = 1};
inline constexpr Pbkdf2Cost kCheapPbkdf2{.iterations = 3};

/// The private key 01 02 .. 20, in keys/owner.identity.
X25519Identity vector_identity();

/// `mask:test.mask:90` in the manifest.
std::shared_ptr<const KeyProvider> vector_provider();

/// "org.example.xor": XORs with its one byte of parameters.
std::shared_ptr<const Stage> example_xor_stage(std::uint8_t key);
/// The same, but leaves the chunks 1, 3, .. as they are.
std::shared_ptr<const Stage> every_other_xor_stage(std::uint8_t key);
/// What readers of the vectors need to know of them.
StageRegistry vector_stages();

}  // namespace adapipe::testing
