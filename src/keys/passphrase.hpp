#pragma once

#include <adapipe/keys.hpp>
#include <string_view>

#include "keys/passphrase_slot.hpp"

namespace adapipe::inline v0_1 {

/// What a Passphrase can do inside the library: have another cost than the default, as tests need.
/// The cost matters for wrapping only; a slot says its own.
class PassphraseAccess {
 public:
  static Passphrase make(std::string_view text, const KdfCost& cost);
  static Passphrase make(std::string_view text, ScryptCost cost);
};

}  // namespace adapipe::inline v0_1
