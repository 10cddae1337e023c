#include "keys/slot.hpp"

#include <fmt/format.h>

#include "keys/passphrase_slot.hpp"
#include "keys/provider_slot.hpp"
#include "keys/slot_seal.hpp"

namespace adapipe::inline v0_1 {
namespace {

void expect_bytes(const Slot& slot, std::size_t parameter_bytes) {
  if (slot.body.size() != parameter_bytes + kWrappedBytes)
    throw Error(errc::corrupt,
                fmt::format("key slot of type {} has {} bytes instead of {}", slot.type,
                            slot.body.size(), parameter_bytes + kWrappedBytes));
}

}  // namespace

void check_slot(const Slot& slot) {
  if (slot.type == kSlotSharedKey) expect_bytes(slot, 16 + 32);
  if (slot.type == kSlotX25519) expect_bytes(slot, 32);
  if (is_passphrase_slot(slot.type)) decode_passphrase_slot(slot);
  if (slot.type >= kSlotProvider) decode_provider_slot(slot);
}

bool is_passphrase_slot(std::uint16_t type) noexcept {
  return type == kSlotScrypt || type == kSlotPbkdf2 || type == kSlotArgon2id;
}

}  // namespace adapipe::inline v0_1
