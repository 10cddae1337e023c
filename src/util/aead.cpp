#include "util/aead.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "util/stack_wipe.hpp"

namespace adapipe::inline v0_1 {
namespace {

/// OpenSSL takes lengths as int, so longer inputs go in steps. Far below INT_MAX, which costs
/// nothing and lets a test of ordinary size cross the seam; a multiple of every block size.
constexpr std::size_t kStepBytes = std::size_t{16} << 20;

const unsigned char* raw(const std::byte* bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes);
}
unsigned char* raw(std::byte* bytes) noexcept { return reinterpret_cast<unsigned char*>(bytes); }

}  // namespace

AeadContext::AeadContext(const EVP_CIPHER& cipher, ByteSpan key, Use use)
    : context_(owned<CipherContextPtr>(EVP_CIPHER_CTX_new(), "EVP_CIPHER_CTX_new")) {
  check_openssl(EVP_CipherInit_ex2(context_.get(), &cipher, raw(key.data()), nullptr,
                                   use == Use::seal ? 1 : 0, nullptr),
                "EVP_CipherInit_ex2");
}

void AeadContext::seal(Nonce nonce, ByteSpan aad, ByteSpan in, std::byte* out,
                       std::span<std::byte, 16> tag) {
  const StackWipe wipe_stack;
  if (!transform(nonce, aad, in, out) || !finish()) throw_openssl("EVP_CipherUpdate");
  check_openssl(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, 16, tag.data()),
                "EVP_CIPHER_CTX_ctrl");
}

bool AeadContext::open(Nonce nonce, ByteSpan aad, ByteSpan in, std::byte* out,
                       std::span<const std::byte, 16> tag) {
  const StackWipe wipe_stack;
  std::byte* const expected = const_cast<std::byte*>(tag.data());  // OpenSSL only reads it
  if (!transform(nonce, aad, in, out) ||
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, 16, expected) != 1) {
    OPENSSL_cleanse(out, in.size());
    throw_openssl("EVP_CipherUpdate");
  }
  if (finish()) return true;
  OPENSSL_cleanse(out, in.size());
  return false;
}

bool AeadContext::transform(Nonce nonce, ByteSpan aad, ByteSpan in, std::byte* out) noexcept {
  return EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, raw(nonce.data()), -1, nullptr) ==
             1 &&
         update(aad, nullptr) && update(in, out);
}

/// Without `out`: associated data.
bool AeadContext::update(ByteSpan in, std::byte* out) noexcept {
  while (!in.empty()) {
    const std::size_t step = std::min(in.size(), kStepBytes);
    int written = 0;
    if (EVP_CipherUpdate(context_.get(), raw(out), &written, raw(in.data()),
                         static_cast<int>(step)) != 1)
      return false;
    in = in.subspan(step);
    if (out != nullptr) out += step;
  }
  return true;
}

bool AeadContext::finish() noexcept {
  unsigned char none[16];
  int written = 0;
  return EVP_CipherFinal_ex(context_.get(), none, &written) == 1;
}

}  // namespace adapipe::inline v0_1
