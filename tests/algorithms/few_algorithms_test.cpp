// What comes of algorithms that OpenSSL lacks. A program of its own, for it lacks them in all of
// it.

#include <openssl/provider.h>

#include <adapipe/adapipe.hpp>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "keys/kdf.hpp"
#include "keys/x25519.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "util/openssl.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

const std::filesystem::path kVectors = ADAPIPE_VECTORS;

/// In the place of OpenSSL's default provider, which is loaded where none has been by then.
const std::unique_ptr<OSSL_PROVIDER, OpensslFree<OSSL_PROVIDER_unload>> kFewAlgorithms(
    OSSL_PROVIDER_load(nullptr, ADAPIPE_FEW_ALGORITHMS));

using Key = std::array<std::byte, 32>;

void use_x25519_public_key() {
  Key key{};
  x25519_public_key(key, key);
}

void use_x25519() {
  Key key{};
  static_cast<void>(x25519(key, key, key));
}

void use_scrypt() {
  Key key;
  scrypt(as_bytes("passphrase"), as_bytes("salt"), {}, key);
}

void verify_vector(const char* name, ListOf<Identity> identities) {
  verify(Source::file(kVectors / "golden" / name), {.identities = std::move(identities)});
}

void process_for(const Recipient& recipient) {
  const Bytes plain(1);
  Bytes sealed;
  Pipeline::Builder()
      .add(aes_256_gcm({.recipients = {recipient}}))
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
}

}  // namespace

TEST_CASE("an algorithm that OpenSSL lacks is named, by whatever needs it") {
  REQUIRE(kFewAlgorithms);
  const struct {
    std::string algorithm;
    std::function<void()> use;
  } cases[] = {
      {"ChaCha20-Poly1305", [] { fetch_cipher("ChaCha20-Poly1305"); }},
      {"SCRYPT", use_scrypt},
      {"X25519", use_x25519},
      {"X25519", use_x25519_public_key},
      {"X25519", [] { X25519Identity::generate(); }},
      {"X25519", [] { X25519PublicKey::from_bytes(Key{std::byte{9}}); }},
      {"SCRYPT", [] { verify_vector("slot-scrypt.adp", {Passphrase("any")}); }},
      {"SCRYPT", [] { process_for(Passphrase("any")); }},
  };
  for (const auto& [algorithm, use] : cases) {
    const Error error = thrown_by(use);
    CHECK(error.kind() == errc::unsupported_version);
    CHECK(std::string(error.what()).find("this OpenSSL lacks " + algorithm) != std::string::npos);
  }
}

TEST_CASE("what needs no algorithm that OpenSSL lacks goes on") {
  REQUIRE(kFewAlgorithms);
  Key derived;
  CHECK_NOTHROW(pbkdf2(as_bytes("passphrase"), as_bytes("salt"), {.iterations = 1}, derived));
  const SharedKey key = SharedKey::load(kVectors / "keys/shared.key");
  CHECK_NOTHROW(verify_vector("several-recipients.adp", {Passphrase("any"), key}));
  CHECK(thrown_kind([&] {
          verify_vector("several-recipients.adp", {SharedKey::generate(), Passphrase("any")});
        }) == errc::unsupported_version);
}
