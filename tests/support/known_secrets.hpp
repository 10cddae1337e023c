#pragma once

#include <adapipe/keys.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "container/header.hpp"
#include "keys/secret.hpp"
#include "keys/slot.hpp"
#include "support/bytes.hpp"
#include "support/fixed_random.hpp"
#include "support/memory_scan.hpp"

namespace adapipe::testing {

/// Secret bytes that come from a seed: made where they are wanted, so that nothing but the library
/// ever holds them.
template <std::size_t N>
SecretArray<N> seeded_secret(std::uint32_t seed) {
  SecretArray<N> made;
  SeededRandom(seed).fill(made.bytes());
  return made;
}

/// One key of each kind, from a seed. `name` stands before the names of needles: "the old".
class KnownKeys {
 public:
  KnownKeys(std::string name, std::uint32_t seed) : name_(std::move(name)), seed_(seed) {}

  SharedKey shared_key() const { return SharedKey::from_bytes(key_bytes().bytes()); }
  X25519Identity identity() const;
  Passphrase passphrase() const;  ///< cheap to stretch
  std::shared_ptr<const KeyProvider> key_service() const;

  /// All of them. The ephemeral key of the X25519 slot is then the first but one that is drawn for
  /// slots, see add_ephemeral_needle().
  ListOf<Recipient> recipients() const;
  ListOf<Identity> identities() const;

  /// What stands in key files.
  SecretArray<32> key_bytes() const { return seeded_secret<32>(seed_); }
  SecretBytes key_text() const;       ///< 64 hex digits
  SecretBytes identity_text() const;  ///< in capitals

  /// The keys and their texts.
  void add_needles(std::vector<Needle>& needles) const;
  /// What opening the slots of `sealed`, which are for these keys, makes of them (FORMAT.md).
  void add_slot_needles(const Bytes& sealed, std::vector<Needle>& needles) const;

 private:
  SecretArray<32> identity_bytes() const { return seeded_secret<32>(seed_ + 1); }
  SecretArray<40> passphrase_text() const { return seeded_secret<40>(seed_ + 2); }
  SecretArray<32> slot_secret(const Slot& slot) const;

  std::string name_;
  std::uint32_t seed_;
};

/// A Passphrase that is cheap to stretch.
Passphrase cheap_passphrase(ByteSpan text);

Header header_of(const Bytes& sealed);

/// The file key and what follows from it for `sealed`.
void add_container_needles(const Bytes& sealed, const FileKey& file_key,
                           std::vector<Needle>& needles);

/// The ephemeral key of a container whose keys and salts came from SeededRandom(`seed`).
void add_ephemeral_needle(std::uint32_t seed, std::vector<Needle>& needles);

}  // namespace adapipe::testing
