#include "cipher/openssl_aead.hpp"

#include <optional>
#include <utility>

#include "keys/secret.hpp"
#include "util/aead.hpp"
#include "util/for_good.hpp"

namespace adapipe::inline v0_1 {
namespace {

using Nonce = AeadContext::Nonce;

/// Most workers only ever seal or only ever open, so each context is made when it is needed.
class AeadWorker final : public CipherWorker {
 public:
  AeadWorker(std::shared_ptr<const EVP_CIPHER> cipher, ByteSpan key)
      : cipher_(std::move(cipher)), key_(key) {}

  void seal(Nonce nonce, ByteSpan aad, ByteSpan in, std::byte* out,
            std::span<std::byte, 16> tag) override {
    if (!sealer_) sealer_.emplace(*cipher_, key_.bytes(), AeadContext::Use::seal);
    sealer_->seal(nonce, aad, in, out, tag);
  }

  bool open(Nonce nonce, ByteSpan aad, ByteSpan in, std::byte* out,
            std::span<const std::byte, 16> tag) override {
    if (!opener_) opener_.emplace(*cipher_, key_.bytes(), AeadContext::Use::open);
    return opener_->open(nonce, aad, in, out, tag);
  }

 private:
  const std::shared_ptr<const EVP_CIPHER> cipher_;
  const SecretBytes key_;
  std::optional<AeadContext> sealer_;
  std::optional<AeadContext> opener_;
};

class OpensslAead final : public CipherBackend {
 public:
  OpensslAead(std::uint16_t id, const char* name)
      : id_(id), name_(name), cipher_(fetch_cipher(name)) {}

  std::string name() const override { return name_; }
  std::uint16_t id() const override { return id_; }
  std::size_t key_bytes() const override {
    return static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher_.get()));
  }
  std::unique_ptr<CipherWorker> make_worker(ByteSpan key) const override {
    if (key.size() != key_bytes())
      throw Error(errc::invalid_argument,
                  std::string(name_) + " needs a key of " + std::to_string(key_bytes()) + " bytes");
    return std::make_unique<AeadWorker>(cipher_, key);
  }

 private:
  const std::uint16_t id_;
  const char* const name_;
  const std::shared_ptr<const EVP_CIPHER> cipher_;
};

/// Made when it is asked for, as an OpenSSL that lacks one of them (a FIPS provider, say) may have
/// the others.
template <CipherId Id>
std::shared_ptr<const CipherBackend> aead() {
  static const ForGood<std::shared_ptr<const CipherBackend>> made(
      std::make_shared<OpensslAead>(Id, cipher_name(Id)));
  return *made;
}

}  // namespace

const char* cipher_name(std::uint16_t id) noexcept {
  switch (id) {
    case kAes256Gcm:
      return "AES-256-GCM";
    case kChaCha20Poly1305:
      return "ChaCha20-Poly1305";
    case kAes128Gcm:
      return "AES-128-GCM";
    default:
      return nullptr;
  }
}

bool is_openssl_aead(const CipherBackend& backend) noexcept {
  return dynamic_cast<const OpensslAead*>(&backend) != nullptr;
}

std::shared_ptr<const CipherBackend> openssl_aead(std::uint16_t id) {
  switch (id) {
    case kAes256Gcm:
      return aead<kAes256Gcm>();
    case kChaCha20Poly1305:
      return aead<kChaCha20Poly1305>();
    case kAes128Gcm:
      return aead<kAes128Gcm>();
    default:
      return nullptr;
  }
}

}  // namespace adapipe::inline v0_1
