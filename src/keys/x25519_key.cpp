#include <adapipe/keys.hpp>
#include <algorithm>
#include <string>
#include <utility>

#include "keys/bech32.hpp"
#include "keys/secret_file.hpp"
#include "keys/slot.hpp"
#include "keys/slot_seal.hpp"
#include "keys/x25519.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::string_view kPublicPrefix = "adp";
constexpr std::string_view kSecretPrefix = "adp-secret-key-";

constexpr std::size_t kMaxFileBytes = 64 * 1024;

using PublicBytes = std::array<std::byte, X25519PublicKey::kBytes>;
using Secret = SecretArray<32>;

X25519PublicKey public_key_of(const Secret& secret) {
  PublicBytes bytes;
  x25519_public_key(secret.bytes(), bytes);
  return X25519PublicKey::from_bytes(bytes);
}

/// The first line of `text`, without its end and the spaces around it; `text` is left with the
/// rest.
std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  constexpr std::string_view kSpaces = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kSpaces), line.size()));
  return line.substr(0, line.find_last_not_of(kSpaces) + 1);
}

std::byte to_capital(std::byte b) noexcept {
  const char c = static_cast<char>(b);
  return c >= 'a' && c <= 'z' ? b & ~std::byte{0x20} : b;
}

/// A number below 2^255 - 19. The other forms name keys that have such a form as well, and the form
/// is bound to the slot: its owner, who knows one form only, would not open it.
bool is_canonical(std::span<const std::byte, 32> key) noexcept {
  static constexpr PublicBytes kPrime = [] {
    PublicBytes prime;
    prime.fill(std::byte{0xFF});
    prime.front() = std::byte{0xED};
    prime.back() = std::byte{0x7F};
    return prime;
  }();
  return std::lexicographical_compare(key.rbegin(), key.rend(), kPrime.rbegin(), kPrime.rend());
}

Error low_order() {
  return Error(errc::invalid_argument,
               "the X25519 public key is one of those with which anyone could open the container");
}

class X25519Recipient final : public RecipientImpl {
 public:
  explicit X25519Recipient(const X25519PublicKey& key) noexcept : key_(key) {}

  bool is_passphrase() const noexcept override { return false; }

  Slot wrap(const FileKey& file_key, FileSalt file_salt, RandomSource& random,
            const std::stop_token&) const override {
    Secret ephemeral;
    random.fill(ephemeral.bytes());
    const X25519PublicKey stored = public_key_of(ephemeral);
    Secret secret;
    if (!x25519(ephemeral.bytes(), key_.bytes(), secret.bytes())) throw low_order();
    return seal_slot(kSlotX25519, {stored.bytes().begin(), stored.bytes().end()}, secret.bytes(),
                     file_key, file_salt, key_.bytes());
  }

 private:
  const X25519PublicKey key_;
};

}  // namespace

/// The private key, and its public key, which every slot that is tried needs.
class X25519Identity::State final : public IdentityImpl {
 public:
  explicit State(const Secret& secret) : secret_(secret), public_key_(public_key_of(secret)) {}

  const Secret& secret() const noexcept { return secret_; }
  const X25519PublicKey& public_key() const noexcept { return public_key_; }

  std::optional<FileKey> unwrap(const Slot& slot, FileSalt file_salt,
                                const std::stop_token&) const override {
    if (slot.type != kSlotX25519) return std::nullopt;
    check_slot(slot);
    const auto ephemeral = ByteSpan(slot.body).first<32>();
    Secret shared;
    if (!x25519(secret_.bytes(), ephemeral, shared.bytes())) return std::nullopt;
    return open_slot(slot, shared.bytes(), file_salt, public_key_.bytes());
  }

 private:
  const Secret secret_;
  const X25519PublicKey public_key_;
};

X25519PublicKey X25519PublicKey::parse(std::string_view text) {
  PublicBytes bytes;
  if (!bech32_decode(kPublicPrefix, text, bytes))
    throw Error(errc::invalid_argument,
                "this is not an X25519 public key (adp1 and 58 characters), or has a typo");
  return from_bytes(bytes);
}

X25519PublicKey X25519PublicKey::from_bytes(std::span<const std::byte, kBytes> bytes) {
  if (!is_canonical(bytes))
    throw Error(errc::invalid_argument, "the X25519 public key is not in its canonical form");
  // With a key of low order every private key, this one of zeros too, shares a secret of zeros.
  constexpr std::array<std::byte, 32> kAnyPrivateKey{};
  Secret secret;
  if (!x25519(kAnyPrivateKey, bytes, secret.bytes())) throw low_order();
  X25519PublicKey key;
  std::ranges::copy(bytes, key.bytes_.begin());
  return key;
}

std::string X25519PublicKey::text() const {
  return std::string(as_text(bech32_encode(kPublicPrefix, bytes_).bytes()));
}

X25519Identity X25519Identity::generate() {
  Secret secret;
  system_random().fill(secret.bytes());
  return X25519Identity(std::make_shared<const State>(secret));
}

X25519Identity X25519Identity::parse(std::string_view text) {
  Secret secret;
  if (!bech32_decode(kSecretPrefix, text, secret.bytes()))
    throw Error(errc::invalid_argument,
                "this is not an X25519 private key (ADP-SECRET-KEY-1 and 58 characters), or has a "
                "typo");
  return X25519Identity(std::make_shared<const State>(secret));
}

X25519Identity X25519Identity::load(const std::filesystem::path& path) {
  const SecretBytes content = read_secret_file(path, kMaxFileBytes);
  std::optional<X25519Identity> found;
  try {
    std::string_view rest = as_text(content.bytes());
    if (rest.starts_with("\xEF\xBB\xBF"))
      throw Error(errc::invalid_argument,
                  "the identity file begins with a byte order mark; save it without one");
    while (!rest.empty()) {
      const std::string_view line = take_line(rest);
      if (line.empty() || line.starts_with('#')) continue;
      if (found) throw Error(errc::invalid_argument, "an identity file holds one key, this more");
      found = parse(line);
    }
    if (!found) throw Error(errc::invalid_argument, "there is no key in the identity file");
  } catch (Error& error) {
    error.in_file(path.native());
    throw;
  }
  return *found;
}

void X25519Identity::save(const std::filesystem::path& path) const {
  SecretBytes secret = bech32_encode(kSecretPrefix, state_->secret().bytes());
  for (std::byte& b : secret.bytes()) b = to_capital(b);
  const std::string comment = "# public key: " + recipient().text() + '\n';
  SecretBytes content(comment.size() + secret.size() + 1);
  const auto key = std::ranges::copy(as_bytes(comment), content.bytes().begin()).out;
  *std::ranges::copy(secret.bytes(), key).out = static_cast<std::byte>('\n');
  create_secret_file(path, content.bytes());
}

X25519PublicKey X25519Identity::recipient() const { return state_->public_key(); }

Recipient::Recipient(const X25519PublicKey& key) : impl_(std::make_shared<X25519Recipient>(key)) {}
Recipient::Recipient(const X25519Identity& identity) : Recipient(identity.recipient()) {}
Identity::Identity(const X25519Identity& identity) : impl_(identity.state_) {}

}  // namespace adapipe::inline v0_1
