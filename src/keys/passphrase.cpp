#include "keys/passphrase.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "keys/passphrase_slot.hpp"
#include "keys/slot.hpp"
#include "keys/slot_seal.hpp"

namespace adapipe::inline v0_1 {
namespace {

using Secret = SecretArray<32>;

/// Derived secrets that are kept. More than one, because one passphrase may open containers of
/// several writers in turn; bounded, because salts are the container's to choose.
constexpr std::size_t kKeptSecrets = 8;

KdfCost default_cost(PassphraseKdf kdf) {
  switch (kdf) {
    case PassphraseKdf::scrypt:
      return ScryptCost{};
    case PassphraseKdf::pbkdf2:
      return Pbkdf2Cost{};
    case PassphraseKdf::argon2id:
      return Argon2idCost{};
  }
  throw Error(errc::invalid_argument, "there is no such PassphraseKdf");
}

}  // namespace

/// Passphrase, recipient and identity in one, so that all of them share the derived secrets.
class Passphrase::State final : public RecipientImpl, public IdentityImpl {
 public:
  State(std::string_view text, const KdfCost& cost) : text_(as_bytes(text)), cost_(cost) {
    if (text.empty()) throw Error(errc::invalid_argument, "the passphrase is empty");
    check_work(cost);
  }

  bool is_passphrase() const noexcept override { return true; }

  Slot wrap(const FileKey& file_key, FileSalt file_salt, RandomSource& random,
            const std::stop_token&) const override {
    return seal(own_parameters(random), file_key, file_salt);
  }

  Slot wrap_for_read(const FileKey& file_key, FileSalt file_salt, RandomSource& random,
                     const std::stop_token&) const override {
    return seal(new_parameters(random), file_key, file_salt);
  }

  std::optional<FileKey> unwrap(const Slot& slot, FileSalt file_salt,
                                const std::stop_token&) const override {
    if (!is_passphrase_slot(slot.type)) return std::nullopt;
    const PassphraseParameters parameters = decode_passphrase_slot(slot);
    check_work(parameters.cost);
    return open_slot(slot, secret(parameters).bytes(), file_salt);
  }

 private:
  struct Derived {
    PassphraseParameters parameters;
    Secret secret;
  };

  Slot seal(const PassphraseParameters& parameters, const FileKey& file_key,
            FileSalt file_salt) const {
    return seal_slot(slot_type(cost_), encode_passphrase_parameters(parameters),
                     secret(parameters).bytes(), file_key, file_salt);
  }

  PassphraseParameters new_parameters(RandomSource& random) const {
    PassphraseParameters made{.cost = cost_};
    random.fill(made.salt);
    return made;
  }

  /// One salt for all containers that are made with this object: that is what makes a batch pay
  /// once.
  PassphraseParameters own_parameters(RandomSource& random) const {
    const std::lock_guard lock(mutex_);
    if (!own_) own_ = new_parameters(random);
    return *own_;
  }

  /// Derives under the lock, so that threads which need the same secret wait for the first.
  Secret secret(const PassphraseParameters& parameters) const {
    const std::lock_guard lock(mutex_);
    const auto known = std::ranges::find(derived_, parameters, &Derived::parameters);
    if (known != derived_.end()) {
      std::rotate(derived_.begin(), known, known + 1);
      return derived_.front().secret;
    }
    Derived made{.parameters = parameters, .secret = {}};
    stretch(text_.bytes(), parameters, made.secret.bytes());
    if (derived_.size() == kKeptSecrets) derived_.pop_back();
    derived_.insert(derived_.begin(), made);
    return made.secret;
  }

  const SecretBytes text_;
  const KdfCost cost_;
  mutable std::mutex mutex_;
  mutable std::optional<PassphraseParameters> own_;  // under mutex_
  mutable std::vector<Derived> derived_;             // under mutex_; the last used first
};

Passphrase::Passphrase(std::string_view text, PassphraseOptions options)
    : state_(std::make_shared<State>(text, default_cost(options.kdf))) {}

Passphrase PassphraseAccess::make(std::string_view text, const KdfCost& cost) {
  Passphrase passphrase(text);
  passphrase.state_ = std::make_shared<Passphrase::State>(text, cost);
  return passphrase;
}

Passphrase PassphraseAccess::make(std::string_view text, ScryptCost cost) {
  return make(text, KdfCost(cost));
}

Recipient::Recipient(const Passphrase& passphrase) : impl_(passphrase.state_) {}
Identity::Identity(const Passphrase& passphrase) : impl_(passphrase.state_) {}

}  // namespace adapipe::inline v0_1
