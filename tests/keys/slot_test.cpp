#include "keys/slot.hpp"

#include <adapipe/keys.hpp>
#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "keys/bech32.hpp"
#include "keys/passphrase.hpp"
#include "keys/slot_seal.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/dead_stack.hpp"
#include "support/fixed_random.hpp"
#include "support/thrown.hpp"
#include "util/bytes.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr ScryptCost kCheap{.log2_n = 10, .r = 8, .p = 1};

Bytes counting(unsigned first) {
  Bytes out;
  for (unsigned i = 0; i < 32; ++i) out.push_back(static_cast<std::byte>(first + i));
  return out;
}

const Bytes kFileKeyBytes = counting(0x40);
const Bytes kFileSaltBytes = counting(0x80);

FileKey file_key() { return FileKey(std::span<const std::byte, 32>(kFileKeyBytes)); }
FileSalt file_salt() { return FileSalt(kFileSaltBytes); }

SharedKey shared_key(unsigned value) {
  const Bytes bytes(32, static_cast<std::byte>(value));
  return SharedKey::from_bytes(std::span<const std::byte, 32>(bytes));
}

X25519Identity x25519_identity(unsigned value) {
  const Bytes bytes(32, static_cast<std::byte>(value));
  return X25519Identity::parse(as_text(bech32_encode("adp-secret-key-", bytes).bytes()));
}

/// A recipient, an identity that opens for it, and one that does not.
struct Pair {
  std::string_view name;
  Recipient recipient;
  Identity right;
  Identity wrong;
};

std::vector<Pair> pairs() {
  const Passphrase passphrase = PassphraseAccess::make("correct horse", kCheap);
  return {
      {"shared key", shared_key(0x11), shared_key(0x11), shared_key(0x12)},
      {"passphrase", passphrase, passphrase, Passphrase("correct horsE")},
      {"another object of the passphrase", passphrase, Passphrase("correct horse"),
       Passphrase("correct horse ")},
      {"PBKDF2", PassphraseAccess::make("correct horse", Pbkdf2Cost{.iterations = 1000}),
       Passphrase("correct horse"), Passphrase("correct")},
      {"X25519", x25519_identity(0x22).recipient(), x25519_identity(0x22), x25519_identity(0x23)},
  };
}

Slot wrap(const Recipient& recipient) {
  FixedRandom random;
  return recipient.impl().wrap(file_key(), file_salt(), random, {});
}

bool opens(const Identity& identity, const Slot& slot, FileSalt salt = file_salt()) {
  const std::optional<FileKey> key = identity.impl().unwrap(slot, salt, {});
  if (!key) return false;
  CHECK(Bytes(key->bytes().begin(), key->bytes().end()) == kFileKeyBytes);
  return true;
}

// Computed from FORMAT.md by independent implementations of the primitives:
// slot salt 00 .. 1f, file key 40 .. 5f, file salt 80 .. 9f.
TEST_CASE("slots have the bytes that the format says") {
  struct Case {
    Recipient recipient;
    std::uint16_t type;
    std::string_view body;
  };
  const Case cases[] = {
      {shared_key(0x11), 1,
       "df9ae446fae23477754ddc7866e32fae"
       "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
       "02bcc629a4353d9df369156825af2eae9cb5d5038c722fa8a49c73bc1ff4cbed"
       "91408152f5ea9ca25cee47aa7a5fbff3"},
      {PassphraseAccess::make("correct horse", kCheap), 2,
       "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0a 08 01"
       "c5b159d1a025a915ca91b8225f9f13ac713d7006ed849e93efbfe3dbfd8957ab"
       "3e950fd04f9a00ccb9e68f885501b9ce"},
      {PassphraseAccess::make("correct horse", Pbkdf2Cost{.iterations = 1000}), 3,
       "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f e8030000"
       "167184a773f256d464f071698bafb2b769593236f45412971db253e548126a40"
       "b106269bf5e2dc2555d19f230e018ae8"},
      {x25519_identity(0x22), 5,
       "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
       "9291b23f5dc8d4f8bd1f95b9702b73e5c69a6a9de59181216e1cdf49473ab0cd"
       "7fbe7e33ff71449b6024e758d543220f"},
  };
  for (const Case& c : cases) {
    const Slot slot = wrap(c.recipient);
    CHECK(slot.type == c.type);
    CHECK(slot.body == from_hex(c.body));
  }
}

TEST_CASE("a slot opens with the right identity and with no other") {
  for (const Pair& pair : pairs()) {
    INFO(pair.name);
    const Slot slot = wrap(pair.recipient);
    CHECK_NOTHROW(check_slot(slot));
    CHECK(opens(pair.right, slot));
    CHECK_FALSE(opens(pair.wrong, slot));
  }
}

TEST_CASE("a slot opens with no other file salt") {
  for (const Pair& pair : pairs()) {
    INFO(pair.name);
    const Slot slot = wrap(pair.recipient);
    for (std::size_t i = 0; i < kFileSaltBytes.size(); ++i) {
      Bytes salt = kFileSaltBytes;
      salt[i] ^= std::byte{1};
      CHECK_FALSE(opens(pair.right, slot, FileSalt(salt)));
    }
  }
}

TEST_CASE("a slot opens under no other type") {
  for (const Pair& pair : pairs()) {
    INFO(pair.name);
    for (const std::uint16_t type :
         std::initializer_list<std::uint16_t>{0, 1, 2, 3, 4, 5, 6, 32767, 32768}) {
      Slot slot = wrap(pair.recipient);
      if (type == slot.type) continue;
      slot.type = type;
      bool opened = false;
      const errc kind = thrown_kind([&] { opened = opens(pair.right, slot); });
      CHECK((kind == errc{} || kind == errc::corrupt));
      CHECK_FALSE(opened);
    }
  }
}

TEST_CASE("nothing is looked for in a slot of a type that is not known") {
  for (const Pair& pair : pairs())
    for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0, 6, 7, 32767}) {
      INFO(pair.name << ", type " << type);
      CHECK_FALSE(opens(pair.right, {.type = type, .body = {}}));
    }
}

TEST_CASE("a slot with any bit flipped does not open") {
  for (const Pair& pair : pairs()) {
    INFO(pair.name);
    const Slot slot = wrap(pair.recipient);
    for (std::size_t bit = 0; bit < 8 * slot.body.size(); ++bit) {
      // A flipped salt or cost costs a derivation each: one bit per byte of them will do.
      const bool is_parameter = bit / 8 < slot.body.size() - 48;
      if (is_parameter && is_passphrase_slot(slot.type) && bit % 8 != 0) continue;
      Slot changed = slot;
      changed.body[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      bool opened = false;
      const errc kind = thrown_kind([&] { opened = opens(pair.right, changed); });
      INFO("bit " << bit);
      CHECK((kind == errc{} || kind == errc::corrupt || kind == errc::limit_exceeded));
      CHECK_FALSE(opened);
    }
  }
}

TEST_CASE("two containers for one shared key do not show that they are") {
  FixedRandom random;
  const Recipient recipient = shared_key(0x11);
  const Slot first = recipient.impl().wrap(file_key(), file_salt(), random, {});
  const Slot second = recipient.impl().wrap(file_key(), file_salt(), random, {});
  for (std::size_t at = 0; at < first.body.size(); at += 16)
    CHECK_FALSE(std::equal(first.body.begin() + static_cast<std::ptrdiff_t>(at),
                           first.body.begin() + static_cast<std::ptrdiff_t>(at + 16),
                           second.body.begin() + static_cast<std::ptrdiff_t>(at)));
}

TEST_CASE("a shared key is tried only with the slots that bear its id") {
  const Bytes key(32, std::byte{0x11});
  const Bytes sound = wrap(shared_key(0x11)).body;
  constexpr std::size_t kIdBits = 8 * 16;
  for (std::size_t bit = 0; bit <= kIdBits; ++bit) {  // at the end none is flipped
    INFO("bit " << bit);
    Bytes parameters(sound.begin(), sound.begin() + 16 + 32);
    const bool is_own = bit == kIdBits;
    if (!is_own) parameters[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    const Slot slot = seal_slot(kSlotSharedKey, parameters, key, file_key(), file_salt());
    CHECK(opens(shared_key(0x11), slot) == is_own);
  }
}

TEST_CASE("check_slot refuses wrong lengths and values out of range") {
  constexpr std::size_t kTail = 48;
  const auto scrypt_slot = [](unsigned log2_n, unsigned r, unsigned p) {
    ByteWriter body;
    body.zeros(32);
    for (const unsigned value : {log2_n, r, p}) body.put(static_cast<std::uint8_t>(value));
    return Slot{.type = kSlotScrypt, .body = std::move(body.zeros(kTail)).take()};
  };
  const auto pbkdf2_slot = [](std::uint32_t iterations) {
    return Slot{.type = kSlotPbkdf2,
                .body = std::move(ByteWriter().zeros(32).put(iterations).zeros(kTail)).take()};
  };
  const auto argon2id_slot = [](std::uint32_t memory_kib, std::uint32_t passes, unsigned lanes) {
    Bytes body(32 + 9 + kTail);
    store_le(&body[32], memory_kib);
    store_le(&body[36], passes);
    body[40] = static_cast<std::byte>(lanes);
    return Slot{.type = kSlotArgon2id, .body = body};
  };
  const auto of_size = [](std::uint16_t type, std::size_t size) {
    return Slot{.type = type, .body = Bytes(size)};
  };
  struct Case {
    Slot slot;
    bool good;
  };
  const std::vector<Case> cases = {
      {of_size(kSlotSharedKey, 96), true},
      {of_size(kSlotSharedKey, 95), false},
      {of_size(kSlotSharedKey, 97), false},
      {of_size(kSlotSharedKey, 0), false},
      {scrypt_slot(10, 8, 1), true},
      {scrypt_slot(22, 8, 16), true},
      {scrypt_slot(9, 8, 1), false},
      {scrypt_slot(23, 8, 1), false},
      {scrypt_slot(255, 8, 1), false},
      {scrypt_slot(17, 7, 1), false},
      {scrypt_slot(17, 9, 1), false},
      {scrypt_slot(17, 8, 0), false},
      {scrypt_slot(17, 8, 17), false},
      {of_size(kSlotScrypt, 82), false},
      {of_size(kSlotScrypt, 84), false},
      {of_size(kSlotScrypt, 0), false},
      {pbkdf2_slot(1), true},
      {pbkdf2_slot(0), false},
      {of_size(kSlotPbkdf2, 83), false},
      {of_size(kSlotPbkdf2, 85), false},
      {of_size(0, 0), true},
      {argon2id_slot(8, 1, 1), true},
      {argon2id_slot(UINT32_MAX, UINT32_MAX, 255), true},
      {argon2id_slot(7, 1, 1), false},
      {argon2id_slot(31, 1, 4), false},
      {argon2id_slot(32, 0, 4), false},
      {argon2id_slot(32, 1, 0), false},
      {of_size(kSlotArgon2id, 88), false},
      {of_size(kSlotArgon2id, 90), false},
      {of_size(kSlotX25519, 80), true},
      {of_size(kSlotX25519, 79), false},
      {of_size(kSlotX25519, 81), false},
      {of_size(6, 3), true},
      {of_size(32767, 0), true},
      {{.type = 32768, .body = from_hex("01 61 0000")}, true},
      {{.type = 65535, .body = from_hex("02 6161 0100 bb")}, true},
      {{.type = 32768, .body = {}}, false},
      {{.type = 32768, .body = from_hex("00 0000")}, false},        // no name
      {{.type = 32768, .body = from_hex("02 61 0000")}, false},     // a longer name
      {{.type = 32768, .body = from_hex("01 61 0100")}, false},     // a longer blob
      {{.type = 32768, .body = from_hex("01 61 0000 00")}, false},  // something behind it
  };
  for (const Case& c : cases) {
    INFO("type " << c.slot.type << ", " << c.slot.body.size() << " bytes");
    CHECK(thrown_kind([&] { check_slot(c.slot); }) == (c.good ? errc{} : errc::corrupt));
  }
}

TEST_CASE("passphrase slots are those of scrypt, PBKDF2 and Argon2id") {
  for (const int type : {0, 1, 2, 3, 4, 5, 6, 32768})
    CHECK(is_passphrase_slot(static_cast<std::uint16_t>(type)) == (type >= 2 && type <= 4));
  CHECK_FALSE(Recipient(shared_key(1)).impl().is_passphrase());
  CHECK(Recipient(Passphrase("x")).impl().is_passphrase());
}

TEST_CASE("the first slot that a process makes leaves nothing of its keys on the stack") {
  const Bytes secret = random_bytes(32, 1);
  const FileKey wrapped = file_key();
  const Bytes stack =
      stack_after([&] { seal_slot(kSlotSharedKey, Bytes(48), secret, wrapped, file_salt()); });
  ByteWriter info;
  info.put(as_bytes("adapipe/1 slot ")).put(std::uint16_t{kSlotSharedKey}).put(sha256({Bytes(48)}));
  Bytes wrap_key(32);
  hkdf_sha256(secret, file_salt(), info.bytes(), wrap_key);
  for (const Bytes& key : {secret, kFileKeyBytes, wrap_key}) CHECK(words_found(key, stack) == 0);
}

}  // namespace
