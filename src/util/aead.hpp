#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "util/bytes.hpp"
#include "util/openssl.hpp"

namespace adapipe::inline v0_1 {

/// One direction of an AEAD with 12-byte nonces and 16-byte tags under one key, by OpenSSL. The key
/// schedule is made once; a call only takes a new nonce. Not thread-safe.
class AeadContext {
 public:
  using Nonce = std::span<const std::byte, 12>;
  enum class Use : std::uint8_t { seal, open };

  /// `key` has the cipher's key length.
  AeadContext(const EVP_CIPHER& cipher, ByteSpan key, Use use);

  /// The contracts of CipherWorker::seal and open. Each is for a context made for that use.
  void seal(Nonce nonce, ByteSpan aad, ByteSpan in, std::byte* out, std::span<std::byte, 16> tag);
  [[nodiscard]] bool open(Nonce nonce, ByteSpan aad, ByteSpan in, std::byte* out,
                          std::span<const std::byte, 16> tag);

 private:
  bool transform(Nonce nonce, ByteSpan aad, ByteSpan in, std::byte* out) noexcept;
  bool update(ByteSpan in, std::byte* out) noexcept;
  bool finish() noexcept;

  CipherContextPtr context_;
};

}  // namespace adapipe::inline v0_1
