#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "keys/secret.hpp"
#include "util/random.hpp"

namespace adapipe::inline v0_1 {

/// A key slot: the file key, wrapped for one recipient (FORMAT.md, "Slots").
struct Slot {
  std::uint16_t type = 0;
  std::vector<std::byte> body{};
};

enum SlotType : std::uint16_t {
  kSlotSharedKey = 1,
  kSlotScrypt = 2,
  kSlotPbkdf2 = 3,
  kSlotArgon2id = 4,
  kSlotX25519 = 5,
  kSlotProvider = 32768,  ///< and all above it
};

using FileKey = SecretArray<32>;
using FileSalt = std::span<const std::byte, 32>;

/// Throws Error(corrupt) if a slot of a known type has a wrong length or a parameter out of its
/// range. Unknown types pass. The slot is public, so this tells an attacker nothing.
void check_slot(const Slot& slot);

/// At most one slot of a container may be of these.
bool is_passphrase_slot(std::uint16_t type) noexcept;

/// What stands behind a Recipient. Immutable but for caches; thread-safe.
class RecipientImpl {
 public:
  virtual ~RecipientImpl() = default;
  virtual bool is_passphrase() const noexcept = 0;
  /// `file_salt` must be new for every `file_key`: wrapping uses a fixed nonce under a key that
  /// is bound to the salt. May wait for a key service; `stop` ends that with Error(cancelled) or
  /// the provider's own.
  virtual Slot wrap(const FileKey& file_key, FileSalt file_salt, RandomSource& random,
                    const std::stop_token& stop) const = 0;
  /// The same for a container that was read. Whoever made it chose `file_salt`, perhaps that of
  /// another one, so what is kept from one call to the next must not be all that the key under
  /// which it wraps comes from.
  virtual Slot wrap_for_read(const FileKey& file_key, FileSalt file_salt, RandomSource& random,
                             const std::stop_token& stop) const {
    return wrap(file_key, file_salt, random, stop);
  }
};

/// What stands behind an Identity. Immutable but for caches; thread-safe.
class IdentityImpl {
 public:
  virtual ~IdentityImpl() = default;
  /// The file key, if the slot is of a type this identity knows and opens with it; the caller
  /// must still check it against the header tag. An Error says that the slot cannot be tried:
  /// limit_exceeded when it asks for more work than readers accept, before any of it is done;
  /// unsupported_version when the algorithm is not there; a key provider's own. May wait, as
  /// RecipientImpl::wrap.
  virtual std::optional<FileKey> unwrap(const Slot& slot, FileSalt file_salt,
                                        const std::stop_token& stop) const = 0;
};

}  // namespace adapipe::inline v0_1
