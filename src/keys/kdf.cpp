#include "keys/kdf.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <adapipe/error.hpp>

#include "util/for_good.hpp"
#include "util/openssl.hpp"
#include "util/stack_wipe.hpp"

namespace adapipe::inline v0_1 {
namespace {

char kSha256Name[] = "SHA256";  // OSSL_PARAM wants it without const, but only reads it

OSSL_PARAM octets(const char* name, ByteSpan bytes) noexcept {
  static constexpr std::byte kNone{};  // OpenSSL takes nullptr for "not given", even with length 0
  const std::byte* data = bytes.empty() ? &kNone : bytes.data();
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(data), bytes.size());
}

OSSL_PARAM sha256_by_name(const char* parameter) noexcept {
  return OSSL_PARAM_construct_utf8_string(parameter, kSha256Name, 0);
}

KdfPtr fetch_kdf(const char* name) {
  return found<KdfPtr>(EVP_KDF_fetch(default_context(), name, nullptr), name, "EVP_KDF_fetch");
}

EVP_KDF& argon2id_algorithm() {
  static const ForGood algorithm(fetch_kdf("ARGON2ID"));
  return **algorithm;
}

void derive(EVP_KDF& kdf, const OSSL_PARAM* parameters, std::span<std::byte> out) {
  const StackWipe wipe_stack;
  const auto context = owned<KdfContextPtr>(EVP_KDF_CTX_new(&kdf), "EVP_KDF_CTX_new");
  check_openssl(EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()),
                               out.size(), parameters),
                "EVP_KDF_derive");
}

}  // namespace

Digest256 sha256(std::initializer_list<ByteSpan> parts) {
  static const ForGood algorithm(found<DigestPtr>(
      EVP_MD_fetch(default_context(), kSha256Name, nullptr), kSha256Name, "EVP_MD_fetch"));
  const auto context = owned<DigestContextPtr>(EVP_MD_CTX_new(), "EVP_MD_CTX_new");
  check_openssl(EVP_DigestInit_ex2(context.get(), algorithm->get(), nullptr), "EVP_DigestInit_ex2");
  for (const ByteSpan part : parts)
    check_openssl(EVP_DigestUpdate(context.get(), part.data(), part.size()), "EVP_DigestUpdate");
  Digest256 digest;
  check_openssl(
      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr),
      "EVP_DigestFinal_ex");
  return digest;
}

Digest256 hmac_sha256(ByteSpan key, std::initializer_list<ByteSpan> parts) {
  const StackWipe wipe_stack;
  static const ForGood algorithm(
      found<MacPtr>(EVP_MAC_fetch(default_context(), "HMAC", nullptr), "HMAC", "EVP_MAC_fetch"));
  const auto context = owned<MacContextPtr>(EVP_MAC_CTX_new(algorithm->get()), "EVP_MAC_CTX_new");
  const OSSL_PARAM parameters[] = {sha256_by_name(OSSL_MAC_PARAM_DIGEST),
                                   octets(OSSL_MAC_PARAM_KEY, key), OSSL_PARAM_construct_end()};
  check_openssl(EVP_MAC_init(context.get(), nullptr, 0, parameters), "EVP_MAC_init");
  for (const ByteSpan part : parts)
    check_openssl(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(part.data()),
                                 part.size()),
                  "EVP_MAC_update");
  Digest256 tag;
  std::size_t written = 0;
  check_openssl(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(tag.data()), &written,
                              tag.size()),
                "EVP_MAC_final");
  return tag;
}

void hkdf_sha256(ByteSpan ikm, ByteSpan salt, ByteSpan info, std::span<std::byte> out) {
  static const ForGood algorithm(fetch_kdf("HKDF"));
  const OSSL_PARAM parameters[] = {sha256_by_name(OSSL_KDF_PARAM_DIGEST),
                                   octets(OSSL_KDF_PARAM_KEY, ikm),
                                   octets(OSSL_KDF_PARAM_SALT, salt),
                                   octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  derive(**algorithm, parameters, out);
}

void scrypt(ByteSpan passphrase, ByteSpan salt, ScryptCost cost, std::span<std::byte> out) {
  static const ForGood algorithm(fetch_kdf("SCRYPT"));
  std::uint64_t n = std::uint64_t{1} << cost.log2_n;
  std::uint32_t r = cost.r;
  std::uint32_t p = cost.p;
  // OpenSSL refuses beyond 32 MiB unless told: n blocks of 128 r, p more, and two to work with.
  std::uint64_t max_bytes = 128 * r * (n + p + 2);
  const OSSL_PARAM parameters[] = {
      octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
      octets(OSSL_KDF_PARAM_SALT, salt),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &max_bytes),
      OSSL_PARAM_construct_end()};
  derive(**algorithm, parameters, out);
}

void pbkdf2(ByteSpan passphrase, ByteSpan salt, Pbkdf2Cost cost, std::span<std::byte> out) {
  static const ForGood algorithm(fetch_kdf("PBKDF2"));
  const OSSL_PARAM parameters[] = {
      sha256_by_name(OSSL_KDF_PARAM_DIGEST), octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
      octets(OSSL_KDF_PARAM_SALT, salt),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &cost.iterations),
      OSSL_PARAM_construct_end()};
  derive(**algorithm, parameters, out);
}

void argon2id(ByteSpan passphrase, ByteSpan salt, Argon2idCost cost, std::span<std::byte> out) {
  // By their names, for the headers of an older OpenSSL have no constants for them.
  static constexpr char kMemory[] = "memcost";
  static constexpr char kLanes[] = "lanes";
  std::uint32_t lanes = cost.lanes;
  const OSSL_PARAM parameters[] = {octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
                                   octets(OSSL_KDF_PARAM_SALT, salt),
                                   OSSL_PARAM_construct_uint32(kMemory, &cost.memory_kib),
                                   OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &cost.passes),
                                   OSSL_PARAM_construct_uint32(kLanes, &lanes),
                                   OSSL_PARAM_construct_end()};
  derive(argon2id_algorithm(), parameters, out);
}

bool has_argon2id() {
  try {
    argon2id_algorithm();
    return true;
  } catch (const Error& error) {
    if (error.kind() != errc::unsupported_version) throw;
    return false;
  }
}

bool equal_constant_time(ByteSpan a, ByteSpan b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace adapipe::inline v0_1
