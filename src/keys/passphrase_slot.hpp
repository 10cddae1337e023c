#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "keys/kdf.hpp"
#include "keys/slot.hpp"

namespace adapipe::inline v0_1 {

/// What the slots of the three passphrase algorithms have in common (FORMAT.md, "Slots"): a salt
/// and a cost, before the wrapped key.
using KdfCost = std::variant<ScryptCost, Pbkdf2Cost, Argon2idCost>;

struct PassphraseParameters {
  std::array<std::byte, 32> salt{};
  KdfCost cost{};
  friend bool operator==(const PassphraseParameters&, const PassphraseParameters&) = default;
};

std::uint16_t slot_type(const KdfCost& cost) noexcept;

/// The slot's body, up to the wrapped key.
std::vector<std::byte> encode_passphrase_parameters(const PassphraseParameters& parameters);

/// The inverse, for a slot that is_passphrase_slot(). Throws Error(corrupt) for a wrong length or a
/// cost out of its range.
PassphraseParameters decode_passphrase_slot(const Slot& slot);

/// Throws Error(limit_exceeded) for more work than readers accept, Error(unsupported_version) for
/// an algorithm that OpenSSL lacks.
void check_work(const KdfCost& cost);

/// Derives the secret that wraps the file key. Slow.
void stretch(ByteSpan passphrase, const PassphraseParameters& parameters,
             std::span<std::byte, 32> secret);

}  // namespace adapipe::inline v0_1
