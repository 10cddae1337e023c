#include "keys/passphrase.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "keys/slot.hpp"
#include "keys/slot_seal.hpp"

namespace adapipe::inline v0_1 {
namespace {

using Salt = std::array<std::byte, 32>;
using Secret = SecretArray<32>;

/// What readers accept: 8 times the work of the default, and 1 GiB.
constexpr std::uint64_t kMaxWork = std::uint64_t{1} << 23;
constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 30;
/// Derived secrets that are kept. More than one, because one passphrase may open containers of
/// several writers in turn; bounded, because salts are the container's to choose.
constexpr std::size_t kKeptSecrets = 8;

void check_work(ScryptCost cost) {
  const std::uint64_t blocks = (std::uint64_t{1} << cost.log2_n) * cost.r;
  if (blocks * cost.p > kMaxWork || 128 * blocks > kMaxMemoryBytes)
    throw Error(errc::limit_exceeded,
                "the passphrase slot asks for more scrypt work than readers accept");
}

}  // namespace

/// Passphrase, recipient and identity in one, so that all of them share the derived secrets.
class Passphrase::State final : public RecipientImpl, public IdentityImpl {
 public:
  State(std::string_view text, ScryptCost cost) : text_(as_bytes(text)), cost_(cost) {
    if (text.empty()) throw Error(errc::invalid_argument, "the passphrase is empty");
  }

  bool is_passphrase() const noexcept override { return true; }

  Slot wrap(const FileKey& file_key, FileSalt file_salt, RandomSource& random) const override {
    const Salt salt = wrap_salt(random);
    ByteWriter parameters;
    parameters.put(salt).put(cost_.log2_n).put(cost_.r).put(cost_.p);
    return seal_slot(kSlotScrypt, std::move(parameters).take(), secret(salt, cost_).bytes(),
                     file_key, file_salt);
  }

  std::optional<FileKey> unwrap(const Slot& slot, FileSalt file_salt) const override {
    if (slot.type != kSlotScrypt) return std::nullopt;
    check_slot(slot);
    ByteReader body(slot.body, "key slot");
    Salt salt;
    std::ranges::copy(body.get(salt.size()), salt.begin());
    ScryptCost cost;
    cost.log2_n = body.get<std::uint8_t>();
    cost.r = body.get<std::uint8_t>();
    cost.p = body.get<std::uint8_t>();
    check_work(cost);
    return open_slot(slot, secret(salt, cost).bytes(), file_salt);
  }

 private:
  struct Derived {
    Salt salt;
    ScryptCost cost;
    Secret secret;
  };

  /// One salt for all containers of this object: that is what makes a batch pay once.
  Salt wrap_salt(RandomSource& random) const {
    const std::lock_guard lock(mutex_);
    if (!salt_) {
      Salt salt;
      random.fill(salt);
      salt_ = salt;
    }
    return *salt_;
  }

  /// Derives under the lock, so that threads which need the same secret wait for the first.
  Secret secret(const Salt& salt, ScryptCost cost) const {
    const std::lock_guard lock(mutex_);
    const auto known = std::ranges::find_if(
        derived_, [&](const Derived& d) { return d.salt == salt && d.cost == cost; });
    if (known != derived_.end()) {
      std::rotate(derived_.begin(), known, known + 1);
      return derived_.front().secret;
    }
    ByteWriter full_salt;
    full_salt.put(as_bytes("adapipe/1 scrypt")).put(salt);
    Derived made{.salt = salt, .cost = cost, .secret = {}};
    scrypt(text_.bytes(), full_salt.bytes(), cost, made.secret.bytes());
    if (derived_.size() == kKeptSecrets) derived_.pop_back();
    derived_.insert(derived_.begin(), made);
    return made.secret;
  }

  const SecretBytes text_;
  const ScryptCost cost_;
  mutable std::mutex mutex_;
  mutable std::optional<Salt> salt_;      // under mutex_
  mutable std::vector<Derived> derived_;  // under mutex_; the last used first
};

Passphrase::Passphrase(std::string_view text)
    : state_(std::make_shared<State>(text, ScryptCost{})) {}

Passphrase PassphraseAccess::make(std::string_view text, ScryptCost cost) {
  Passphrase passphrase(text);
  passphrase.state_ = std::make_shared<Passphrase::State>(text, cost);
  return passphrase;
}

Recipient::Recipient(const Passphrase& passphrase) : impl_(passphrase.state_) {}
Identity::Identity(const Passphrase& passphrase) : impl_(passphrase.state_) {}

}  // namespace adapipe::inline v0_1
