#pragma once

#include <string_view>

#include "keys/slot.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

/// What the slot of a host's key provider holds (FORMAT.md, "Slots").
struct ProviderSlot {
  std::string_view name;
  ByteSpan blob;
};

/// Throws Error(limit_exceeded) for a blob that is too long. The name has 1 .. 255 bytes.
Slot encode_provider_slot(const ProviderSlot& content);

/// Looks into `slot`. Throws Error(corrupt) unless the lengths add up.
ProviderSlot decode_provider_slot(const Slot& slot);

}  // namespace adapipe::inline v0_1
