#pragma once

#include <adapipe/export.hpp>
#include <adapipe/list_of.hpp>
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace adapipe::inline v0_1 {

class RecipientImpl;
class IdentityImpl;

/// 32 secret bytes that writer and reader share. Copies are independent; each is wiped on
/// destruction. Thread-safe as a value.
class ADAPIPE_API SharedKey {
 public:
  static constexpr std::size_t kBytes = 32;

  /// From the operating system's random generator.
  static SharedKey generate();
  static SharedKey from_bytes(std::span<const std::byte, kBytes> bytes);
  /// Reads a key file: 32 raw bytes, or 64 hex digits with an optional final newline.
  /// Throws Error(io_error), Error(invalid_argument) naming the file.
  static SharedKey load(const std::filesystem::path& path);
  /// Writes 64 hex digits and a newline to a new file with mode 0600; Error(already_exists) if
  /// there is one.
  void save(const std::filesystem::path& path) const;

  SharedKey(const SharedKey&) noexcept = default;
  SharedKey& operator=(const SharedKey&) noexcept = default;
  ~SharedKey();

  std::span<const std::byte, kBytes> bytes() const noexcept { return bytes_; }
  /// 16 hex digits that tell keys apart and say nothing else about them; for people, logs, lists.
  std::string id() const;

 private:
  SharedKey() = default;
  std::array<std::byte, kBytes> bytes_{};
};

/// A passphrase; the bytes are used as given (no normalisation). Stretched by scrypt
/// (RFC 7914, N = 2^17, r = 8, p = 1: 128 MiB outside the Runtime's budget, about half a second),
/// once per Passphrase object and salt, so that a batch pays once. Copies share the secret, which
/// is wiped with the last of them.
class ADAPIPE_API Passphrase {
 public:
  /// Throws Error(invalid_argument) when empty.
  explicit Passphrase(std::string_view text);

 private:
  friend class Recipient;
  friend class Identity;
  friend class PassphraseAccess;
  class State;
  std::shared_ptr<State> state_;
};

/// Someone who will be able to open the container. Every key type converts to it.
class ADAPIPE_API Recipient {
 public:
  Recipient(const SharedKey& key);
  Recipient(const Passphrase& passphrase);

  const RecipientImpl& impl() const noexcept { return *impl_; }

 private:
  std::shared_ptr<const RecipientImpl> impl_;
};

/// A secret that may open a container. Every private key type converts to it.
class ADAPIPE_API Identity {
 public:
  Identity(const SharedKey& key);
  Identity(const Passphrase& passphrase);

  const IdentityImpl& impl() const noexcept { return *impl_; }

 private:
  std::shared_ptr<const IdentityImpl> impl_;
};

}  // namespace adapipe::inline v0_1
