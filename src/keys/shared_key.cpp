#include <fmt/format.h>

#include <adapipe/keys.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "keys/kdf.hpp"
#include "keys/slot.hpp"
#include "keys/slot_seal.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kSaltBytes = 32;

class SharedKeySlots final : public RecipientImpl, public IdentityImpl {
 public:
  explicit SharedKeySlots(const SharedKey& key) : key_(key) {}

  bool is_passphrase() const noexcept override { return false; }

  Slot wrap(const FileKey& file_key, FileSalt file_salt, RandomSource& random,
            const std::stop_token&) const override {
    std::array<std::byte, kSaltBytes> slot_salt;
    random.fill(slot_salt);
    const Digest256 id = salted_id(slot_salt);
    ByteWriter parameters;
    parameters.put(ByteSpan(id).first(kIdBytes)).put(slot_salt);
    return seal_slot(kSlotSharedKey, std::move(parameters).take(), key_.bytes(), file_key,
                     file_salt);
  }

  std::optional<FileKey> unwrap(const Slot& slot, FileSalt file_salt,
                                const std::stop_token&) const override {
    if (slot.type != kSlotSharedKey) return std::nullopt;
    check_slot(slot);
    const ByteSpan body = slot.body;
    const Digest256 id = salted_id(body.subspan(kIdBytes, kSaltBytes));
    if (!equal_constant_time(body.first(kIdBytes), ByteSpan(id).first(kIdBytes)))
      return std::nullopt;
    return open_slot(slot, key_.bytes(), file_salt);
  }

 private:
  /// Salted, so that two containers do not show that they are for the same key.
  Digest256 salted_id(ByteSpan slot_salt) const {
    return hmac_sha256(key_.bytes(), {as_bytes("adapipe/1 key id"), slot_salt});
  }

  const SharedKey key_;
};

}  // namespace

SharedKey SharedKey::generate() {
  const auto made = std::allocate_shared<Bytes>(SecretAllocator<Bytes>());
  system_random().fill(*made);
  return SharedKey(made);
}

SharedKey SharedKey::from_bytes(std::span<const std::byte, kBytes> bytes) {
  const auto made = std::allocate_shared<Bytes>(SecretAllocator<Bytes>());
  std::ranges::copy(bytes, made->begin());
  return SharedKey(made);
}

std::string SharedKey::id() const {
  const Digest256 digest = hmac_sha256(bytes(), {as_bytes("adapipe/1 key id")});
  std::string id;
  for (const std::byte b : ByteSpan(digest).first(8))
    id += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return id;
}

Recipient::Recipient(const SharedKey& key) : impl_(std::make_shared<SharedKeySlots>(key)) {}
Identity::Identity(const SharedKey& key) : impl_(std::make_shared<SharedKeySlots>(key)) {}

}  // namespace adapipe::inline v0_1
