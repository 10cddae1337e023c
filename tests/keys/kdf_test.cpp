#include "keys/kdf.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "keys/secret.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/dead_stack.hpp"
#include "support/thrown.hpp"
#include "util/endian.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

Bytes to_bytes(const Digest256& digest) { return {digest.begin(), digest.end()}; }

Bytes repeated(std::size_t count, unsigned value) {
  return Bytes(count, static_cast<std::byte>(value));
}

Bytes counting(unsigned first, unsigned last) {
  Bytes out;
  for (unsigned value = first; value <= last; ++value) out.push_back(static_cast<std::byte>(value));
  return out;
}

/// What becomes of a key of 32 bytes in SHA-256, whose code for AVX2 works on words with the
/// round's constant added to them: as the first words of a message, as HMAC's key inside and
/// outside, and the key itself.
std::vector<Bytes> hashed_forms(ByteSpan key) {
  static constexpr std::array<std::uint32_t, 8> kRoundConstants{0x428A2F98, 0x71374491, 0xB5C0FBCF,
                                                                0xE9B5DBA5, 0x3956C25B, 0x59F111F1,
                                                                0x923F82A4, 0xAB1C5ED5};
  std::vector<Bytes> forms{{key.begin(), key.end()}};
  for (const std::uint32_t pad : {0u, 0x36363636u, 0x5C5C5C5Cu}) {
    Bytes words(key.size()), added(key.size());
    for (std::size_t i = 0; i < kRoundConstants.size(); ++i) {
      const std::uint32_t word = __builtin_bswap32(load_le<std::uint32_t>(&key[4 * i])) ^ pad;
      store_le(&words[4 * i], word);
      store_le(&added[4 * i], word + kRoundConstants[i]);
    }
    forms.push_back(std::move(words));
    forms.push_back(std::move(added));
  }
  return forms;
}

// NIST's examples for FIPS 180-4.
TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  struct Case {
    std::string text;
    std::string_view digest;
  };
  const Case cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const Case& c : cases) CHECK(to_bytes(sha256({as_bytes(c.text)})) == from_hex(c.digest));
}

TEST_CASE("SHA-256 and HMAC join their parts") {
  CHECK(sha256({as_bytes("a"), {}, as_bytes("bc")}) == sha256({as_bytes("abc")}));
  CHECK(sha256({}) == sha256({as_bytes("")}));
  const Bytes key = from_text("key");
  CHECK(hmac_sha256(key, {as_bytes("a"), {}, as_bytes("bc")}) ==
        hmac_sha256(key, {as_bytes("abc")}));
}

TEST_CASE("HMAC-SHA-256 gives the tags of RFC 4231") {
  struct Case {
    Bytes key;
    Bytes data;
    std::string_view tag;
  };
  const Case cases[] = {
      {repeated(20, 0x0b), from_text("Hi There"),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {from_text("Jefe"), from_text("what do ya want for nothing?"),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {repeated(20, 0xaa), repeated(50, 0xdd),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {counting(0x01, 0x19), repeated(50, 0xcd),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {repeated(131, 0xaa), from_text("Test Using Larger Than Block-Size Key - Hash Key First"),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
  };
  for (const Case& c : cases) CHECK(to_bytes(hmac_sha256(c.key, {c.data})) == from_hex(c.tag));
}

TEST_CASE("HMAC-SHA-256 takes an empty key") {
  // An empty key is padded with zeros, so it equals a key of zeros.
  CHECK(hmac_sha256({}, {as_bytes("abc")}) == hmac_sha256(repeated(1, 0), {as_bytes("abc")}));
}

TEST_CASE("HKDF-SHA-256 gives the keys of RFC 5869") {
  struct Case {
    Bytes ikm;
    Bytes salt;
    Bytes info;
    std::string_view okm;
  };
  const Case cases[] = {
      {repeated(22, 0x0b), counting(0x00, 0x0c), counting(0xf0, 0xf9),
       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
      {counting(0x00, 0x4f), counting(0x60, 0xaf), counting(0xb0, 0xff),
       "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
       "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
      {repeated(22, 0x0b),
       {},
       {},
       "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
  };
  for (const Case& c : cases) {
    const Bytes expected = from_hex(c.okm);
    Bytes okm(expected.size());
    hkdf_sha256(c.ikm, c.salt, c.info, okm);
    CHECK(okm == expected);
  }
}

TEST_CASE("HKDF-SHA-256 refuses to make more than 8160 bytes") {
  const Bytes ikm = repeated(32, 1);
  Bytes most(8160);
  hkdf_sha256(ikm, {}, {}, most);
  CHECK(most != Bytes(8160));
  Bytes beyond(8161);
  CHECK(thrown_kind([&] { hkdf_sha256(ikm, {}, {}, beyond); }) == errc::resource_exhausted);
}

TEST_CASE("scrypt gives the keys of RFC 7914") {
  struct Case {
    std::string_view passphrase;
    std::string_view salt;
    ScryptCost cost;
    std::string_view key;
  };
  const Case cases[] = {
      {"",
       "",
       {.log2_n = 4, .r = 1, .p = 1},
       "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
       "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"},
      {"password",
       "NaCl",
       {.log2_n = 10, .r = 8, .p = 16},
       "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
       "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"},
      {"pleaseletmein",
       "SodiumChloride",
       {.log2_n = 14, .r = 8, .p = 1},
       "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
       "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"},
  };
  for (const Case& c : cases) {
    Bytes key(64);
    scrypt(as_bytes(c.passphrase), as_bytes(c.salt), c.cost, key);
    CHECK(key == from_hex(c.key));
  }
}

TEST_CASE("PBKDF2-HMAC-SHA-256 gives the keys of RFC 7914, section 11") {
  Bytes key(64);
  pbkdf2(as_bytes("passwd"), as_bytes("salt"), {.iterations = 1}, key);
  CHECK(key == from_hex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                        "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"));
  pbkdf2(as_bytes("Password"), as_bytes("NaCl"), {.iterations = 80'000}, key);
  CHECK(key == from_hex("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
                        "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d"));
}

// Computed by the reference implementation of Argon2: RFC 9106's own vectors use a secret and
// associated data, which the container does not.
TEST_CASE("Argon2id gives the keys of the reference implementation, where OpenSSL has it") {
  if (!has_argon2id()) return;
  struct Case {
    Argon2idCost cost;
    std::string_view key;
  };
  const Case cases[] = {
      {{.memory_kib = 256, .passes = 2, .lanes = 1},
       "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
      {{.memory_kib = 256, .passes = 2, .lanes = 2},
       "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
  };
  for (const Case& c : cases) {
    Bytes key(32);
    argon2id(as_bytes("password"), as_bytes("somesalt"), c.cost, key);
    CHECK(key == from_hex(c.key));
  }
}

TEST_CASE("scrypt has the memory that the default cost needs") {
  Bytes key(32);
  scrypt(as_bytes("passphrase"), as_bytes("salt"), ScryptCost{}, key);
  CHECK(key != Bytes(32));
}

TEST_CASE("key derivation leaves nothing of its secrets on the stack") {
  const Bytes secret = random_bytes(32, 1);
  const Bytes salt = random_bytes(32, 2);
  const Digest256 extracted = hmac_sha256(salt, {secret});  // by HKDF
  Digest256 tag;
  Bytes out = repeated(32, 0xEE);
  const std::function<void()> derivations[] = {
      [&] { tag = hmac_sha256(secret, {salt}); },
      [&] { hkdf_sha256(secret, salt, as_bytes("info"), out); },
      [&] { pbkdf2(secret, salt, {.iterations = 2}, out); },
      [&] { scrypt(secret, salt, {.log2_n = 10}, out); },
  };
  for (std::size_t i = 0; i < std::size(derivations); ++i) {
    INFO("derivation " << i);
    derivations[i]();  // once before: the first call binds the functions of OpenSSL
    const Bytes stack = stack_after(derivations[i]);
    CHECK(words_found(out, stack) == 0);
    for (const ByteSpan key : {ByteSpan(secret), ByteSpan(extracted)})
      for (const Bytes& form : hashed_forms(key)) CHECK(words_found(form, stack) == 0);
  }
}

TEST_CASE("bytes are equal only if length and every byte are") {
  const Bytes bytes = from_text("0123456789abcdef");
  CHECK(equal_constant_time(bytes, Bytes(bytes)));
  CHECK(equal_constant_time({}, {}));
  CHECK_FALSE(equal_constant_time(bytes, ByteSpan(bytes).first(15)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes other = bytes;
    other[i] ^= std::byte{0x80};
    CHECK_FALSE(equal_constant_time(bytes, other));
  }
}

TEST_CASE("wiped memory is zero") {
  Bytes bytes = from_text("secret");
  wipe(bytes);
  CHECK(bytes == Bytes(6));
}

}  // namespace
