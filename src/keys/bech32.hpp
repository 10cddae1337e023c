#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "keys/secret.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

/// Bech32 (BIP 173): bytes as text with a prefix that says what they are and a checksum that finds
/// any four wrong characters. The texts may be secret, so both sides are wiped memory.

/// `prefix` is in small letters, and so is the text. At most 90 characters in all.
SecretBytes bech32_encode(std::string_view prefix, ByteSpan data);

/// Fills `data` from a text with this prefix that holds exactly as many bytes, in small letters or
/// in capitals. false for anything else; `data` then holds nothing of use.
[[nodiscard]] bool bech32_decode(std::string_view prefix, std::string_view text,
                                 std::span<std::byte> data) noexcept;

}  // namespace adapipe::inline v0_1
