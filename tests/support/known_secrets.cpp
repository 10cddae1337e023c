#include "support/known_secrets.hpp"

#include <algorithm>
#include <utility>

#include "cipher/openssl_aead.hpp"
#include "container/key_schedule.hpp"
#include "keys/bech32.hpp"
#include "keys/passphrase.hpp"
#include "keys/x25519.hpp"
#include "support/key_providers.hpp"

namespace adapipe::testing {

namespace {

constexpr ScryptCost kCheap{.log2_n = 10, .r = 8, .p = 1};
/// Anybody knows it; what stands behind it in an identity's text is secret.
constexpr std::string_view kIdentityPrefix = "adp-secret-key-";

/// `bound`: of an X25519 slot, the recipient's public key.
SecretArray<32> wrap_key(const Slot& slot, ByteSpan slot_secret, ByteSpan bound,
                         FileSalt file_salt) {
  const ByteSpan parameters = ByteSpan(slot.body).first(slot.body.size() - 48);
  ByteWriter info;
  info.put(as_bytes("adapipe/1 slot ")).put(slot.type).put(sha256({parameters, bound}));
  SecretArray<32> key;
  hkdf_sha256(slot_secret, file_salt, info.bytes(), key.bytes());
  return key;
}

const char* kind_of_secret(std::uint16_t slot_type) {
  return slot_type == kSlotX25519 ? "X25519 shared secret" : "passphrase's stretched secret";
}

SecretBytes in_small_letters(SecretBytes text) {
  for (std::byte& b : text.bytes())
    if (b >= std::byte{'A'} && b <= std::byte{'Z'}) b |= std::byte{0x20};
  return text;
}

ByteSpan behind_prefix(const SecretBytes& identity_text) {
  return identity_text.bytes().subspan(kIdentityPrefix.size() + 1);
}

}  // namespace

X25519Identity KnownKeys::identity() const {
  return X25519Identity::parse(as_text(std::as_const(*this).identity_text().bytes()));
}

Passphrase KnownKeys::passphrase() const { return cheap_passphrase(passphrase_text().bytes()); }

std::shared_ptr<const KeyProvider> KnownKeys::key_service() const {
  return std::make_shared<const MaskingProvider>(name_, static_cast<std::uint8_t>(seed_ | 0x80));
}

ListOf<Recipient> KnownKeys::recipients() const {
  return {shared_key(), identity(), passphrase(), key_service()};
}

ListOf<Identity> KnownKeys::identities() const {
  return {shared_key(), identity(), passphrase(), key_service()};
}

SecretBytes KnownKeys::key_text() const {
  const auto key = key_bytes();
  SecretBytes text(64);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto b = std::to_integer<unsigned>(key.bytes()[i / 2]);
    text.bytes()[i] = std::byte("0123456789abcdef"[i % 2 == 0 ? b >> 4 : b & 15]);
  }
  return text;
}

SecretBytes KnownKeys::identity_text() const {
  SecretBytes text = bech32_encode(kIdentityPrefix, identity_bytes().bytes());
  for (std::byte& b : text.bytes())
    if (b >= std::byte{'a'} && b <= std::byte{'z'}) b &= ~std::byte{0x20};
  return text;
}

void KnownKeys::add_needles(std::vector<Needle>& needles) const {
  const SecretBytes capitals = identity_text();
  const SecretBytes small = in_small_letters(capitals);
  needles.emplace_back(name_ + " shared key", key_bytes().bytes());
  needles.emplace_back(name_ + " shared key's hex text", key_text().bytes());
  needles.emplace_back(name_ + " X25519 private key", identity_bytes().bytes());
  needles.emplace_back(name_ + " X25519 private key's text", behind_prefix(capitals));
  needles.emplace_back(name_ + " X25519 private key's text in small letters", behind_prefix(small));
  needles.emplace_back(name_ + " passphrase", passphrase_text().bytes());
}

SecretArray<32> KnownKeys::slot_secret(const Slot& slot) const {
  if (slot.type == kSlotSharedKey) return key_bytes();
  SecretArray<32> secret;
  const ByteSpan body = slot.body;
  if (slot.type == kSlotX25519) {
    if (!x25519(identity_bytes().bytes(), body.first<32>(), secret.bytes()))
      throw Error(errc::corrupt, "the ephemeral key is of low order");
  } else {
    ByteWriter salt;
    salt.put(as_bytes("adapipe/1 scrypt")).put(body.first(32));
    scrypt(passphrase_text().bytes(), salt.bytes(), kCheap, secret.bytes());
  }
  return secret;
}

void KnownKeys::add_slot_needles(const Bytes& sealed, std::vector<Needle>& needles) const {
  const Header header = header_of(sealed);
  const X25519PublicKey public_key = identity().recipient();
  for (const Slot& slot : header.slots) {
    if (slot.type == kSlotProvider) continue;  // all there is to it is the file key
    const auto secret = slot_secret(slot);
    const bool is_x25519 = slot.type == kSlotX25519;
    if (slot.type != kSlotSharedKey)
      needles.emplace_back(name_ + ' ' + kind_of_secret(slot.type), secret.bytes());
    const ByteSpan bound = is_x25519 ? ByteSpan(public_key.bytes()) : ByteSpan();
    needles.emplace_back(name_ + " wrap key of slot type " + std::to_string(slot.type),
                         wrap_key(slot, secret.bytes(), bound, header.file_salt).bytes());
  }
}

Passphrase cheap_passphrase(ByteSpan text) { return PassphraseAccess::make(as_text(text), kCheap); }

Header header_of(const Bytes& sealed) {
  const ByteSpan preamble = ByteSpan(sealed).first(layout::kPreambleBytes);
  return decode_header(ByteSpan(sealed).first(preamble.size() + header_rest_bytes(preamble) -
                                              layout::kHeaderTagBytes));
}

void add_container_needles(const Bytes& sealed, const FileKey& file_key,
                           std::vector<Needle>& needles) {
  const Header header = header_of(sealed);
  const KeySchedule schedule(file_key, header.file_salt, {});
  needles.emplace_back("the file key", file_key.bytes());
  needles.emplace_back("the header key", schedule.header_key().bytes());
  needles.emplace_back("the record key", schedule.record_key(*openssl_aead(header.cipher)).bytes());
}

void add_ephemeral_needle(std::uint32_t seed, std::vector<Needle>& needles) {
  const auto drawn = seeded_secret<4 * 32>(seed);  // file key, file salt, slot salt, ephemeral key
  needles.emplace_back("the X25519 ephemeral key", drawn.bytes().last<32>());
}

}  // namespace adapipe::testing
