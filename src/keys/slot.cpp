#include "keys/slot.hpp"

#include <fmt/format.h>

#include "keys/slot_seal.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {
namespace {

void expect_bytes(const Slot& slot, std::size_t parameter_bytes) {
  if (slot.body.size() != parameter_bytes + kWrappedBytes)
    throw Error(errc::corrupt,
                fmt::format("key slot of type {} has {} bytes instead of {}", slot.type,
                            slot.body.size(), parameter_bytes + kWrappedBytes));
}

void expect(bool in_range, std::string_view what) {
  if (!in_range) throw Error(errc::corrupt, fmt::format("key slot has {} out of range", what));
}

}  // namespace

void check_slot(const Slot& slot) {
  ByteReader body(slot.body, "key slot");
  switch (slot.type) {
    case kSlotSharedKey:
      expect_bytes(slot, 16 + 32);
      break;
    case kSlotScrypt: {
      expect_bytes(slot, 32 + 3);
      body.get(32);
      const auto log2_n = body.get<std::uint8_t>();
      expect(log2_n >= 10 && log2_n <= 22, "an scrypt N");
      expect(body.get<std::uint8_t>() == 8, "an scrypt r");
      const auto p = body.get<std::uint8_t>();
      expect(p >= 1 && p <= 16, "an scrypt p");
      break;
    }
    case kSlotPbkdf2:
      expect_bytes(slot, 32 + 4);
      body.get(32);
      expect(body.get<std::uint32_t>() >= 1, "a PBKDF2 iteration count");
      break;
    default:
      break;
  }
}

bool is_passphrase_slot(std::uint16_t type) noexcept {
  return type == kSlotScrypt || type == kSlotPbkdf2 || type == kSlotArgon2id;
}

}  // namespace adapipe::inline v0_1
