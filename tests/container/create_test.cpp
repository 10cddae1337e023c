#include "container/create.hpp"

#include <set>

#include "cipher/openssl_aead.hpp"
#include "container/fixture.hpp"
#include "keys/passphrase.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

std::optional<Cipher> cipher_for(std::uint16_t id, CipherOptions options) {
  if (id == 0) return std::nullopt;
  return Cipher(openssl_aead(id), std::move(options));
}

NewContainer create(const std::optional<Cipher>& cipher, std::string_view context = {}) {
  FixedRandom random;
  return create_container(asked_header(), cipher, as_bytes(context), random);
}

/// A backend that says it is another one.
class Renumbered final : public CipherBackend {
 public:
  explicit Renumbered(std::uint16_t id) noexcept : id_(id) {}
  std::string name() const override { return "renumbered"; }
  std::uint16_t id() const override { return id_; }
  std::size_t key_bytes() const override { return 32; }
  std::unique_ptr<CipherWorker> make_worker(std::span<const std::byte> key) const override {
    return openssl_aead(kAes256Gcm)->make_worker(key);
  }

 private:
  std::uint16_t id_;
};

}  // namespace

TEST_CASE("what create_container decides is not taken from the header it is given") {
  Header header = asked_header();
  header.integrity = Integrity::aead;
  header.cipher = 9;
  header.slots = {{.type = 99, .body = Bytes(5)}};
  header.file_salt.fill(std::byte{0xEE});
  FixedRandom plain_random;
  CHECK(create_container(header, std::nullopt, {}, plain_random).head == create(std::nullopt).head);
  const auto cipher = cipher_for(kAes256Gcm, {.recipients = {shared_key(1)}});
  FixedRandom random;
  CHECK(create_container(header, cipher, {}, random).head == create(cipher).head);
}

TEST_CASE("keys differ with file key, context and cipher") {
  const CipherOptions options{.recipients = {shared_key(1)}};
  std::set<Bytes> keys;
  const auto add = [&](const NewContainer& made) {
    const auto key = made.keys.key.bytes();
    keys.emplace(key.begin(), key.begin() + 16);
  };
  add(create(cipher_for(kAes256Gcm, options)));
  add(create(cipher_for(kAes128Gcm, options)));
  add(create(cipher_for(kChaCha20Poly1305, options)));
  add(create(cipher_for(kAes256Gcm, options), "a"));
  add(create(cipher_for(kAes256Gcm, options), "b"));
  FixedRandom random(1);
  add(create_container(asked_header(), cipher_for(kAes256Gcm, options), {}, random));
  CHECK(keys.size() == 6);
}

TEST_CASE("every recipient gets a slot, in order") {
  const Passphrase passphrase = PassphraseAccess::make("secret", {.log2_n = 10, .r = 8, .p = 1});
  const auto made =
      create(cipher_for(kAes256Gcm, {.recipients = {shared_key(1), passphrase, shared_key(2)}}));
  const Header header =
      decode_header(ByteSpan(made.head).first(made.head.size() - layout::kHeaderTagBytes));
  REQUIRE(header.slots.size() == 3);
  CHECK(header.slots[0].type == kSlotSharedKey);
  CHECK(header.slots[1].type == kSlotScrypt);
  CHECK(header.slots[2].type == kSlotSharedKey);
}

TEST_CASE("a container that could not be opened again is not created") {
  const Passphrase passphrase = PassphraseAccess::make("a", {.log2_n = 10, .r = 8, .p = 1});
  const Passphrase other = PassphraseAccess::make("b", {.log2_n = 10, .r = 8, .p = 1});
  ListOf<Recipient> too_many;
  for (std::uint8_t i = 0; i < 65; ++i) too_many.push_back(shared_key(i));
  const ListOf<Recipient> one = {shared_key(1)};

  CHECK(kind_of([&] { create(cipher_for(kAes256Gcm, {})); }) == errc::invalid_argument);
  CHECK(kind_of([&] { create(cipher_for(kAes256Gcm, {.recipients = too_many})); }) ==
        errc::invalid_argument);
  CHECK(kind_of([&] {
          create(cipher_for(kAes256Gcm, {.recipients = {passphrase, other}}));
        }) == errc::invalid_argument);
  CHECK(kind_of([&] { create(Cipher(std::make_shared<Renumbered>(0), {.recipients = one})); }) ==
        errc::invalid_argument);
  CHECK(kind_of([&] { create(Cipher(std::make_shared<Renumbered>(4), {.recipients = one})); }) ==
        errc::invalid_argument);
  CHECK(kind_of([&] { create(Cipher(std::make_shared<Renumbered>(1), {.recipients = one})); }) ==
        std::nullopt);
}

TEST_CASE("a context without encryption is refused: nothing would hold to it") {
  CHECK(kind_of([] { create(std::nullopt, "ctx"); }) == errc::invalid_argument);
}
