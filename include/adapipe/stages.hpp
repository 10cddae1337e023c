#pragma once

#include <adapipe/export.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/stage.hpp>
#include <memory>

namespace adapipe::inline v0_1 {

class CipherBackend;

struct ZstdOptions {
  int level = 3;               ///< -7 .. 22; higher is smaller and slower
  int window_log = 0;          ///< 10 .. 27, log2 of the match window; 0: by level and chunk size
  bool long_distance = false;  ///< long-distance matching; of use for chunks beyond 8 MiB
};

/// Zstandard (RFC 8878), one independent frame per chunk. Chunks that do not shrink are stored.
/// Throws Error(invalid_argument) for options out of range.
ADAPIPE_API std::shared_ptr<const Stage> zstd(const ZstdOptions& options = {});

struct CipherOptions {
  /// Who can open the container: 1 .. 64, at most one passphrase. Checked by build().
  ListOf<Recipient> recipients{};
};

/// The encryption that closes a pipeline: which AEAD, for whom. A value, which moving copies;
/// build() checks it.
class ADAPIPE_API Cipher {
 public:
  Cipher(std::shared_ptr<const CipherBackend> backend, CipherOptions options);

  Cipher(const Cipher&) = default;
  Cipher& operator=(const Cipher&) = default;

  const CipherBackend& backend() const noexcept { return *backend_; }
  std::shared_ptr<const CipherBackend> shared_backend() const noexcept { return backend_; }
  const ListOf<Recipient>& recipients() const noexcept { return options_.recipients; }

 private:
  std::shared_ptr<const CipherBackend> backend_;
  CipherOptions options_;
};

/// AES-GCM (NIST SP 800-38D) and ChaCha20-Poly1305 (RFC 8439), by OpenSSL. Every chunk is sealed on
/// its own under a key that is new for every container. They throw Error(unsupported_version) where
/// OpenSSL lacks the cipher.
ADAPIPE_API Cipher aes_256_gcm(CipherOptions options);
ADAPIPE_API Cipher aes_128_gcm(CipherOptions options);
ADAPIPE_API Cipher chacha20_poly1305(CipherOptions options);

}  // namespace adapipe::inline v0_1
