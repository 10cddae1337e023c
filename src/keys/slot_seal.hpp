#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "keys/slot.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

/// The wrapped file key that ends a slot's body: 32 bytes of ciphertext and the tag.
inline constexpr std::size_t kWrappedBytes = 48;

/// Makes the slot whose body starts with `parameters`, wrapping `file_key` under a key derived from
/// `secret`, the salt, the type, the parameters and what is `bound` to them without being stored
/// (FORMAT.md, "Slots").
Slot seal_slot(std::uint16_t type, std::vector<std::byte> parameters, ByteSpan secret,
               const FileKey& file_key, FileSalt file_salt, ByteSpan bound = {});

/// The inverse; nothing if the secret is not the one. The body has kWrappedBytes at least.
std::optional<FileKey> open_slot(const Slot& slot, ByteSpan secret, FileSalt file_salt,
                                 ByteSpan bound = {});

}  // namespace adapipe::inline v0_1
