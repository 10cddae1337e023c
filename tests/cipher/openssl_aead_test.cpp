#include "cipher/openssl_aead.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "util/bytes.hpp"
#include "util/openssl.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::array<std::uint16_t, 3> kIds = {kAes256Gcm, kChaCha20Poly1305, kAes128Gcm};

struct Sealed {
  Bytes text;
  Bytes tag = Bytes(16);
};

Sealed seal(CipherWorker& worker, const Bytes& nonce, const Bytes& aad, const Bytes& plain) {
  Sealed sealed{.text = Bytes(plain.size())};
  worker.seal(std::span<const std::byte, 12>(nonce), aad, plain, sealed.text.data(),
              std::span<std::byte, 16>(sealed.tag));
  return sealed;
}

/// False if refused; `out` as the worker left it.
bool open(CipherWorker& worker, const Bytes& nonce, const Bytes& aad, const Sealed& sealed,
          Bytes& out) {
  out.assign(sealed.text.size(), std::byte{0xee});
  return worker.open(std::span<const std::byte, 12>(nonce), aad, sealed.text, out.data(),
                     std::span<const std::byte, 16>(sealed.tag));
}

std::unique_ptr<CipherWorker> worker_of(std::uint16_t id, std::uint64_t key_seed = 1) {
  const auto backend = openssl_aead(id);
  return backend->make_worker(random_bytes(backend->key_bytes(), key_seed));
}

struct Vector {
  std::string_view name;
  std::uint16_t id;
  std::string_view key;
  std::string_view nonce;
  std::string_view aad;
  std::string_view plain;
  std::string_view text;
  std::string_view tag;
};

// The AES-GCM ones are test cases 1, 2, 4, 13, 14, 16 of McGrew and Viega's specification of GCM.
const Vector kVectors[] = {
    {"GCM 1", kAes128Gcm, "00000000000000000000000000000000", "000000000000000000000000", "", "",
     "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {"GCM 2", kAes128Gcm, "00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {"GCM 4", kAes128Gcm, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"GCM 13", kAes256Gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"GCM 14", kAes256Gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {"GCM 16", kAes256Gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {"RFC 8439, 2.8.2", kChaCha20Poly1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
};

TEST_CASE("known answers") {
  for (const Vector& v : kVectors) {
    INFO(v.name);
    const auto worker = openssl_aead(v.id)->make_worker(from_hex(v.key));
    const Bytes nonce = from_hex(v.nonce), aad = from_hex(v.aad), plain = from_hex(v.plain);
    const Sealed sealed = seal(*worker, nonce, aad, plain);
    CHECK(sealed.text == from_hex(v.text));
    CHECK(sealed.tag == from_hex(v.tag));
    Bytes out;
    CHECK(open(*worker, nonce, aad, sealed, out));
    CHECK(out == plain);
  }
}

TEST_CASE("numbers, names and key lengths are the format's") {
  struct Case {
    std::uint16_t id;
    std::string_view name;
    std::size_t key_bytes;
  };
  for (const Case& c :
       {Case{1, "AES-256-GCM", 32}, Case{2, "ChaCha20-Poly1305", 32}, Case{3, "AES-128-GCM", 16}}) {
    const auto backend = openssl_aead(c.id);
    REQUIRE(backend != nullptr);
    CHECK(backend->id() == c.id);
    CHECK(backend->name() == c.name);
    CHECK(backend->key_bytes() == c.key_bytes);
    for (const std::size_t wrong : {std::size_t{0}, c.key_bytes - 1, c.key_bytes + 1})
      CHECK(thrown_kind([&] { backend->make_worker(Bytes(wrong)); }) == errc::invalid_argument);
  }
  for (const int unknown : {0, 4, 65535})
    CHECK(openssl_aead(static_cast<std::uint16_t>(unknown)) == nullptr);
}

TEST_CASE("a cipher that OpenSSL lacks is named") {
  const Error error = thrown_by([] { fetch_cipher("ROT-13"); });
  CHECK(error.kind() == errc::unsupported_version);
  CHECK(std::string(error.what()) == "this OpenSSL lacks ROT-13");
}

TEST_CASE("any flipped bit of text, tag, nonce or associated data is refused and wiped") {
  for (const std::uint16_t id : kIds) {
    const auto worker = worker_of(id);
    const Bytes nonce = random_bytes(12, 2), aad = random_bytes(24, 3), plain = random_bytes(37, 4);
    const Sealed sealed = seal(*worker, nonce, aad, plain);
    const std::size_t sizes[] = {sealed.text.size(), sealed.tag.size(), nonce.size(), aad.size()};
    for (std::size_t part = 0; part < 4; ++part) {
      for (std::size_t bit = 0; bit < 8 * sizes[part]; ++bit) {
        Sealed other = sealed;
        Bytes other_nonce = nonce, other_aad = aad, out;
        Bytes* const parts[] = {&other.text, &other.tag, &other_nonce, &other_aad};
        (*parts[part])[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        INFO("cipher " << id << ", part " << part << ", bit " << bit);
        CHECK_FALSE(open(*worker, other_nonce, other_aad, other, out));
        CHECK(out == Bytes(plain.size()));
      }
    }
    Bytes out;
    CHECK(open(*worker, nonce, aad, sealed, out));
    CHECK(out == plain);
  }
}

TEST_CASE("text that is shorter or longer, or with other associated data, is refused") {
  for (const std::uint16_t id : kIds) {
    const auto worker = worker_of(id);
    const Bytes nonce = random_bytes(12, 2), aad = random_bytes(24, 3), plain = random_bytes(37, 4);
    const Sealed sealed = seal(*worker, nonce, aad, plain);
    Bytes out;
    for (std::size_t size = 0; size < sealed.text.size(); ++size) {
      Sealed cut = sealed;
      cut.text.resize(size);
      CHECK_FALSE(open(*worker, nonce, aad, cut, out));
    }
    Sealed longer = sealed;
    longer.text.push_back(std::byte{});
    CHECK_FALSE(open(*worker, nonce, aad, longer, out));
    CHECK_FALSE(open(*worker, nonce, {}, sealed, out));
    CHECK_FALSE(open(*worker_of(id, 99), nonce, aad, sealed, out));
  }
}

TEST_CASE("in place equals out of place, for sizes around the block sizes") {
  for (const std::uint16_t id : kIds) {
    const auto worker = worker_of(id);
    for (const std::size_t size :
         {0u, 1u, 15u, 16u, 17u, 63u, 64u, 65u, 255u, 256u, 4096u, 100'001u}) {
      INFO("cipher " << id << ", " << size << " bytes");
      const Bytes nonce = random_bytes(12, size), aad = random_bytes(24, 3);
      const Bytes plain = random_bytes(size, 5);
      const Sealed sealed = seal(*worker, nonce, aad, plain);

      Sealed here{.text = plain};
      worker->seal(std::span<const std::byte, 12>(nonce), aad, here.text, here.text.data(),
                   std::span<std::byte, 16>(here.tag));
      CHECK(here.text == sealed.text);
      CHECK(here.tag == sealed.tag);
      CHECK(worker->open(std::span<const std::byte, 12>(nonce), aad, here.text, here.text.data(),
                         std::span<const std::byte, 16>(here.tag)));
      CHECK(here.text == plain);
    }
  }
}

TEST_CASE("a call leaves nothing behind for the next") {
  for (const std::uint16_t id : kIds) {
    const auto worker = worker_of(id);
    Bytes out;
    for (std::uint64_t i = 0; i < 20; ++i) {
      const Bytes nonce = random_bytes(12, i), aad = random_bytes(i % 3 * 7, i);
      const Bytes plain = random_bytes(i * 11, i);
      const Sealed sealed = seal(*worker, nonce, aad, plain);
      const Sealed fresh = seal(*worker_of(id), nonce, aad, plain);
      CHECK(sealed.text == fresh.text);
      CHECK(sealed.tag == fresh.tag);
      Sealed bad = sealed;
      bad.tag[0] ^= std::byte{1};
      CHECK_FALSE(open(*worker, nonce, aad, bad, out));
      CHECK(open(*worker, nonce, aad, sealed, out));
      CHECK(out == plain);
    }
  }
}

// Computed by another binding of the ciphers in one call: key 00 01 02 ..., zero nonce, 16 MiB + 3
// zero bytes of associated data, 16 MiB + 5 of plain text; the last 16 bytes of text, and the tag.
TEST_CASE("inputs longer than one call to OpenSSL takes are sealed as one") {
  struct Case {
    std::uint16_t id;
    std::string_view end;
    std::string_view tag;
  };
  const Bytes aad((16u << 20) + 3), plain((16u << 20) + 5), nonce(12);
  for (const Case& c :
       {Case{kAes256Gcm, "a18f6e8943157f54b33968d1adff5764", "c3196f36abd810b6e354e8ae72750b5b"},
        Case{kChaCha20Poly1305, "0b69938fd90a319998d2dfb9022402bc",
             "f7823348c802931aef3d3a071dad2b33"},
        Case{kAes128Gcm, "f1f6428e18dd03e569ab40b376fb8c13", "308e8adb19309138e790f5d769112312"}}) {
    const auto backend = openssl_aead(c.id);
    Bytes key;
    for (std::size_t i = 0; i < backend->key_bytes(); ++i) key.push_back(static_cast<std::byte>(i));
    const auto worker = backend->make_worker(key);
    const Sealed sealed = seal(*worker, nonce, aad, plain);
    CHECK(Bytes(sealed.text.end() - 16, sealed.text.end()) == from_hex(c.end));
    CHECK(sealed.tag == from_hex(c.tag));
    Bytes out;
    CHECK(open(*worker, nonce, aad, sealed, out));
    CHECK((out == plain));
  }
}

}  // namespace
