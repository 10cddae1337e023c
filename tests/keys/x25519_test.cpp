#include "keys/x25519.hpp"

#include <openssl/err.h>

#include <string>
#include <string_view>
#include <utility>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/dead_stack.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

using Key = std::span<const std::byte, 32>;

Bytes shared(const Bytes& private_key, const Bytes& public_key) {
  Bytes secret(32);
  REQUIRE(x25519(Key(private_key), Key(public_key), std::span<std::byte, 32>(secret)));
  return secret;
}

}  // namespace

TEST_CASE("X25519 gives the secrets of RFC 7748, section 5.2") {
  struct Case {
    std::string_view scalar, point, secret;
  };
  const Case cases[] = {
      {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
       "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
       "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
      {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
       "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
       "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
  };
  for (const Case& c : cases)
    CHECK(shared(from_hex(c.scalar), from_hex(c.point)) == from_hex(c.secret));

  Bytes scalar(32);
  scalar[0] = std::byte{9};
  Bytes point = scalar;
  for (int i = 0; i < 1000; ++i) {
    Bytes next = shared(scalar, point);
    point = std::exchange(scalar, std::move(next));
    if (i == 0)
      CHECK(scalar == from_hex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"));
  }
  CHECK(scalar == from_hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
}

TEST_CASE("both sides of X25519 come to the same secret") {
  const Bytes a = random_bytes(32, 1);
  const Bytes b = random_bytes(32, 2);
  Bytes a_public(32);
  Bytes b_public(32);
  x25519_public_key(Key(a), std::span<std::byte, 32>(a_public));
  x25519_public_key(Key(b), std::span<std::byte, 32>(b_public));
  CHECK(shared(a, b_public) == shared(b, a_public));
}

TEST_CASE("X25519 leaves neither private key nor secret on the stack") {
  for (std::uint64_t round = 0; round < 4; ++round) {
    const Bytes private_key = random_bytes(32, 2 * round);
    const Bytes other_private_key = random_bytes(32, 2 * round + 1);
    Bytes public_key(32), secret(32);
    x25519_public_key(Key(other_private_key), std::span<std::byte, 32>(public_key));
    bool is_shared = false;
    const auto share = [&] {
      is_shared = x25519(Key(private_key), Key(public_key), std::span<std::byte, 32>(secret));
    };
    share();  // once before, which binds the functions of OpenSSL
    const Bytes stack = stack_after(share);
    CHECK(is_shared);
    CHECK(words_found(private_key, stack) == 0);
    CHECK(words_found(secret, stack) == 0);
    CHECK(words_found(private_key, stack_after([&] {
                        x25519_public_key(Key(private_key), std::span<std::byte, 32>(public_key));
                      })) == 0);
  }
}

TEST_CASE("public keys of low order give no secret") {
  // The points of order 1, 2, 4 and 8 of the curve and its twist, and those of their other forms
  // that are below 2^255.
  for (const std::string_view point : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    INFO(point);
    Bytes secret(32, std::byte{0xEE});
    CHECK_FALSE(
        x25519(Key(random_bytes(32, 3)), Key(from_hex(point)), std::span<std::byte, 32>(secret)));
    CHECK(secret == Bytes(32));
    CHECK(ERR_peek_error() == 0);  // a host that uses OpenSSL as well would take it for its own
  }
}
