#pragma once

#include <adapipe/export.hpp>
#include <adapipe/list_of.hpp>
#include <array>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace adapipe::inline v0_1 {

class RecipientImpl;
class IdentityImpl;

/// 32 secret bytes that writer and reader share, immutable, in memory that core dumps leave out
/// where the system can. Copies share them; they are wiped with the last copy. Moving copies, so
/// that there is no key without bytes. Thread-safe as a value.
class ADAPIPE_API SharedKey {
 public:
  static constexpr std::size_t kBytes = 32;

  /// From the operating system's random generator.
  static SharedKey generate();
  static SharedKey from_bytes(std::span<const std::byte, kBytes> bytes);
  /// Reads a key file: 32 raw bytes, or 64 hex digits with an optional final newline.
  /// Throws Error(io_error), Error(invalid_argument) naming the file.
  static SharedKey load(const std::filesystem::path& path);
  /// Writes 64 hex digits and a newline to a new file with mode 0600, synced as FileSinkOptions'
  /// `durable` says; Error(already_exists) if there is one, else Error(io_error). Beyond the
  /// process's limit of file sizes (RLIMIT_FSIZE) the calling thread gets SIGXFSZ, which ends the
  /// process unless it is ignored, handled or blocked.
  void save(const std::filesystem::path& path) const;

  SharedKey(const SharedKey&) noexcept = default;
  SharedKey& operator=(const SharedKey&) noexcept = default;

  std::span<const std::byte, kBytes> bytes() const noexcept { return *bytes_; }
  /// 16 hex digits that tell keys apart and say nothing else about them; for people, logs, lists.
  std::string id() const;

 private:
  using Bytes = std::array<std::byte, kBytes>;
  explicit SharedKey(std::shared_ptr<const Bytes> bytes) noexcept : bytes_(std::move(bytes)) {}
  std::shared_ptr<const Bytes> bytes_;
};

/// How a passphrase is stretched into a key, so that guessing is costly. What reads a container
/// follows what its slot says, within limits (FORMAT.md).
enum class PassphraseKdf {
  scrypt,    ///< RFC 7914, N = 2^17, r = 8, p = 1: 128 MiB and about half a second
  pbkdf2,    ///< PBKDF2-HMAC-SHA-256, RFC 8018, 600,000 iterations: where rules ask for it
  argon2id,  ///< RFC 9106, 64 MiB, 3 passes, 4 lanes; needs OpenSSL >= 3.2, to open as well
};

struct PassphraseOptions {
  PassphraseKdf kdf = PassphraseKdf::scrypt;  ///< when writing
};

/// A passphrase; the bytes are used as given (no normalisation). Stretched once per Passphrase
/// object and salt, of which it keeps the last 8, so that a batch pays once (rekey() pays for every
/// container); the memory for it is outside the Runtime's budget. Copies share the secret, which is
/// wiped with the last of them; moving copies. Thread-safe.
class ADAPIPE_API Passphrase {
 public:
  /// Throws Error(invalid_argument) when empty, Error(unsupported_version) for Argon2id where
  /// OpenSSL lacks it. Another algorithm that it lacks fails so when it is needed.
  explicit Passphrase(std::string_view text, PassphraseOptions options = {});

  Passphrase(const Passphrase&) noexcept = default;
  Passphrase& operator=(const Passphrase&) noexcept = default;

 private:
  friend class Recipient;
  friend class Identity;
  friend class PassphraseAccess;
  class State;
  std::shared_ptr<State> state_;
};

/// An X25519 public key (RFC 7748): whoever knows it can make containers that only the owner of the
/// X25519Identity opens. It says nothing about who made them. A value. All that makes one, or an
/// X25519Identity, throws Error(unsupported_version) where OpenSSL lacks X25519.
class ADAPIPE_API X25519PublicKey {
 public:
  static constexpr std::size_t kBytes = 32;

  /// From its text, `adp1...` (Bech32). Throws Error(invalid_argument) for a typo, and for what
  /// from_bytes refuses.
  static X25519PublicKey parse(std::string_view text);
  /// Throws Error(invalid_argument) for the few keys of low order, with which anyone could open,
  /// and for forms that are not canonical (2^255 - 19 and more).
  static X25519PublicKey from_bytes(std::span<const std::byte, kBytes> bytes);

  std::span<const std::byte, kBytes> bytes() const noexcept { return bytes_; }
  std::string text() const;  ///< `adp1...`, 62 characters
  friend bool operator==(const X25519PublicKey&, const X25519PublicKey&) = default;

 private:
  X25519PublicKey() = default;
  std::array<std::byte, kBytes> bytes_{};
};

/// An X25519 private key. Copies share it; it is wiped with the last of them. Moving copies, as
/// with SharedKey. Thread-safe.
class ADAPIPE_API X25519Identity {
 public:
  /// From the operating system's random generator.
  static X25519Identity generate();
  /// From its text, `ADP-SECRET-KEY-1...` (Bech32). Throws Error(invalid_argument) for a typo.
  static X25519Identity parse(std::string_view text);
  /// Reads an identity file: that text on a line of its own, beside empty lines and comments (`#`),
  /// without a byte order mark.
  /// Throws Error(io_error), Error(invalid_argument) naming the file.
  static X25519Identity load(const std::filesystem::path& path);
  /// Writes a new identity file with mode 0600, the public key in a comment; Error(already_exists)
  /// if there is one, else as SharedKey's.
  void save(const std::filesystem::path& path) const;

  X25519Identity(const X25519Identity&) noexcept = default;
  X25519Identity& operator=(const X25519Identity&) noexcept = default;

  X25519PublicKey recipient() const;

 private:
  friend class Recipient;
  friend class Identity;
  class State;
  explicit X25519Identity(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// A key service of the host's own, such as a KMS or a hardware token: it wraps the key of a
/// container into a blob that is stored in it, and unwraps it again. As a recipient and as an
/// identity it is given as a std::shared_ptr<const KeyProvider>.
///
/// Both functions may wait, for the network, say: operations call them on an I/O thread, Reader and
/// rekey() on the caller's. They may be called by several threads at once.
///
/// What they throw is passed on, an Error as it is, anything else as Error(io_error) with its words
/// and the service's name (a std::bad_alloc as Error(resource_exhausted)): by wrap() at once, by
/// unwrap() if nothing else opens the container. So an outage is not mistaken for a wrong key.
class ADAPIPE_API KeyProvider {
 public:
  virtual ~KeyProvider();

  /// Says whose blob it is, 1 .. 255 bytes; stored in the container, readable by anyone. Always the
  /// same: unwrap() is asked about blobs of this name only.
  virtual std::string name() const = 0;
  /// At most 65,535 bytes, else Error(limit_exceeded). `stop`: return or throw soon.
  virtual std::vector<std::byte> wrap(std::span<const std::byte, 32> file_key,
                                      std::stop_token stop) const = 0;
  /// nullopt: not mine, or not any more. `blob` comes from a file: hostile until checked.
  virtual std::optional<SharedKey> unwrap(std::span<const std::byte> blob,
                                          std::stop_token stop) const = 0;
};

/// Someone who will be able to open the container. Every key type converts to it. A value; copies
/// share, and moving copies. One that is given twice gets two slots, and still opens when one of
/// them is removed: ContainerInfo::slot_types counts both.
class ADAPIPE_API Recipient {
 public:
  Recipient(const SharedKey& key);
  Recipient(const Passphrase& passphrase);
  Recipient(const X25519PublicKey& key);
  /// Its owner.
  Recipient(const X25519Identity& identity);
  /// Throws Error(invalid_argument) for a null pointer or a name of a wrong length.
  Recipient(std::shared_ptr<const KeyProvider> provider);
  template <std::derived_from<KeyProvider> P>
  Recipient(std::shared_ptr<P> provider)
      : Recipient(std::shared_ptr<const KeyProvider>(std::move(provider))) {}

  Recipient(const Recipient&) noexcept = default;
  Recipient& operator=(const Recipient&) noexcept = default;

  const RecipientImpl& impl() const noexcept { return *impl_; }

 private:
  std::shared_ptr<const RecipientImpl> impl_;
};

/// A secret that may open a container. Every private key type converts to it. A value as Recipient.
class ADAPIPE_API Identity {
 public:
  Identity(const SharedKey& key);
  Identity(const Passphrase& passphrase);
  Identity(const X25519Identity& identity);
  /// Throws as Recipient's.
  Identity(std::shared_ptr<const KeyProvider> provider);
  template <std::derived_from<KeyProvider> P>
  Identity(std::shared_ptr<P> provider)
      : Identity(std::shared_ptr<const KeyProvider>(std::move(provider))) {}

  Identity(const Identity&) noexcept = default;
  Identity& operator=(const Identity&) noexcept = default;

  const IdentityImpl& impl() const noexcept { return *impl_; }

 private:
  std::shared_ptr<const IdentityImpl> impl_;
};

}  // namespace adapipe::inline v0_1
