#include "keys/passphrase.hpp"
#include "vectors/draft.hpp"
#include "vectors/keys.hpp"

namespace adapipe::testing {
namespace {

/// A slot in the place of all others.
std::function<void(Draft&)> only(Slot slot) {
  return [slot = std::move(slot)](Draft& d) { d.without(6).with_slot(slot); };
}

Slot changed(Slot slot, const std::function<void(Bytes&)>& change) {
  change(slot.body);
  return slot;
}

/// A passphrase's slot with its parameters behind the salt; what it wraps is never got at.
Slot passphrase_slot(std::uint16_t type, const char* parameters_hex) {
  const Bytes parameters = from_hex(parameters_hex);
  Bytes body(32, std::byte{0x40});
  body.insert(body.end(), parameters.begin(), parameters.end());
  return draft_slot(type, std::move(body), Bytes(32));
}

Slot provider_slot(const char* head_hex, std::size_t blob_bytes) {
  Bytes body = from_hex(head_hex);
  body.resize(body.size() + blob_bytes);
  return {.type = kSlotProvider, .body = std::move(body)};
}

DraftChanges lengths() {
  DraftChanges out;
  const std::pair<const char*, Slot> slots[] = {
      {"shared-key", draft_slot(shared_vector_key())},
      {"scrypt", passphrase_slot(kSlotScrypt, "0a 08 01")},
      {"pbkdf2", passphrase_slot(kSlotPbkdf2, "03 00 00 00")},
      {"argon2id", passphrase_slot(kSlotArgon2id, "40 00 00 00 02 00 00 00 02")},
      {"x25519", draft_slot(vector_identity())},
      {"provider", draft_slot(vector_provider())},
  };
  for (const auto& [name, slot] : slots) {
    out.emplace_back(std::string("slot-") + name + "-too-long",
                     only(changed(slot, [](Bytes& body) { body.push_back({}); })));
    out.emplace_back(std::string("slot-") + name + "-too-short",
                     only(changed(slot, [](Bytes& body) { body.pop_back(); })));
    out.emplace_back(std::string("slot-") + name + "-empty",
                     only(changed(slot, [](Bytes& body) { body.clear(); })));
  }
  return out;
}

DraftChanges values() {
  return {
      {"slot-scrypt-n-too-small", only(passphrase_slot(kSlotScrypt, "09 08 01"))},
      {"slot-scrypt-n-too-large", only(passphrase_slot(kSlotScrypt, "17 08 01"))},
      {"slot-scrypt-r-7", only(passphrase_slot(kSlotScrypt, "0a 07 01"))},
      {"slot-scrypt-p-0", only(passphrase_slot(kSlotScrypt, "0a 08 00"))},
      {"slot-scrypt-p-17", only(passphrase_slot(kSlotScrypt, "0a 08 11"))},
      {"slot-pbkdf2-no-iteration", only(passphrase_slot(kSlotPbkdf2, "00 00 00 00"))},
      {"slot-argon2id-no-lane", only(passphrase_slot(kSlotArgon2id, "40 00 00 00 02 00 00 00 00"))},
      {"slot-argon2id-no-pass", only(passphrase_slot(kSlotArgon2id, "40 00 00 00 00 00 00 00 02"))},
      {"slot-argon2id-memory-too-small",
       only(passphrase_slot(kSlotArgon2id, "0f 00 00 00 02 00 00 00 02"))},
      {"slot-provider-last-type-too-short",
       only({.type = 65'535,
             .body = changed(draft_slot(vector_provider()), [](Bytes& body) { body.pop_back(); })
                         .body})},
      {"slot-provider-no-name", only(provider_slot("00 02 00", 2))},
      {"slot-provider-name-beyond-slot", only(provider_slot("05 61 62", 0))},
      {"slot-provider-blob-beyond-slot", only(provider_slot("01 61 03 00", 2))},
      {"slot-provider-blob-ends-early", only(provider_slot("01 61 01 00", 2))},
      {"slot-bad-beside-good",
       [](Draft& d) { d.with_slot(passphrase_slot(kSlotScrypt, "0a 07 01")); }},
      {"two-passphrase-slots",
       [](Draft& d) {
         d.with_slots({PassphraseAccess::make(kPassphrase, kCheapScrypt)});
         d.with_slot(draft_slot(PassphraseAccess::make(kPassphrase, KdfCost(kCheapPbkdf2))));
       }},
  };
}

/// In their ranges, but more work than readers do.
DraftChanges costs() {
  return {
      {"slot-scrypt-work-beyond-limit", only(passphrase_slot(kSlotScrypt, "14 08 02"))},
      {"slot-scrypt-n-beyond-limit", only(passphrase_slot(kSlotScrypt, "15 08 01"))},
      {"slot-pbkdf2-beyond-limit", only(passphrase_slot(kSlotPbkdf2, "81 96 98 00"))},
      {"slot-argon2id-memory-beyond-limit",
       only(passphrase_slot(kSlotArgon2id, "01 00 10 00 01 00 00 00 01"))},
      {"slot-argon2id-work-beyond-limit",
       only(passphrase_slot(kSlotArgon2id, "00 00 10 00 05 00 00 00 01"))},
  };
}

/// What it is sealed with anybody knows: this ephemeral key shares zeros with every other.
Slot low_order_slot(const char* ephemeral_hex) {
  const X25519PublicKey owner = vector_identity().recipient();
  return draft_slot(kSlotX25519, from_hex(ephemeral_hex), Bytes(32), owner.bytes());
}

/// Well formed, but not to be opened with the key that it is for.
DraftChanges locked() {
  const Slot shared = draft_slot(shared_vector_key());
  const Slot owner = draft_slot(vector_identity());
  const auto flip = [](std::size_t at) { return [=](Bytes& body) { body[at] ^= std::byte{1}; }; };
  const auto flip_last = [](Bytes& body) { body.back() ^= std::byte{1}; };
  return {
      {"slot-shared-key-id-wrong", only(changed(shared, flip(0)))},
      {"slot-shared-key-salt-wrong", only(changed(shared, flip(16)))},
      {"slot-shared-key-wrapped-key-changed", only(changed(shared, flip(48)))},
      {"slot-shared-key-tag-wrong", only(changed(shared, flip_last))},
      {"slot-another-file-key", only(draft_slot(shared_vector_key(), 1))},
      {"slot-x25519-tag-wrong", only(changed(owner, flip_last))},
      {"slot-x25519-ephemeral-key-zero",
       only(low_order_slot("0000000000000000000000000000000000000000000000000000000000000000"))},
      {"slot-x25519-ephemeral-key-one",
       only(low_order_slot("0100000000000000000000000000000000000000000000000000000000000000"))},
      {"slot-x25519-ephemeral-key-of-order-8",
       only(low_order_slot("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))},
      {"slot-provider-refuses", only(changed(draft_slot(vector_provider()), flip_last))},
      {"slot-provider-other-key", only(changed(draft_slot(vector_provider()), flip(1 + 9 + 2)))},
      {"slot-only-unknown-type", only({.type = 8, .body = Bytes(98)})},
  };
}

}  // namespace

VectorFiles broken_slots() {
  VectorFiles out;
  for (const DraftChanges& changes : {lengths(), values(), costs(), locked()})
    add_drafts(out, "broken", encrypted_draft(), changes);
  return out;
}

}  // namespace adapipe::testing
