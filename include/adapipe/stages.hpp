#pragma once

#include <adapipe/export.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/stage.hpp>
#include <memory>

namespace adapipe::inline v0_1 {

class CipherBackend;

/// How hard zstd tries, -7 .. 22: higher is smaller and slower. A number, or what adaptive() makes.
class ZstdLevel {
 public:
  constexpr ZstdLevel(int level) noexcept : min_(level), max_(level) {}

  constexpr int min() const noexcept { return min_; }
  constexpr int max() const noexcept { return max_; }

 private:
  friend constexpr ZstdLevel adaptive(int min, int max) noexcept;
  constexpr ZstdLevel(int min, int max) noexcept : min_(min), max_(max) {}

  int min_;
  int max_;
};

/// A level that follows the sink: every operation begins with `min`, tries harder while chunks
/// queue for the sink, and less as soon as the sink waits for chunks. With one chunk at a time, as
/// on Runtime::serial(), nothing queues: `min`. Memory is reserved for the dearest level.
constexpr ZstdLevel adaptive(int min = 1, int max = 12) noexcept { return {min, max}; }

struct ZstdOptions {
  ZstdLevel level = 3;
  int window_log = 0;          ///< 10 .. 27, log2 of the match window; 0: by level and chunk size
  bool long_distance = false;  ///< long-distance matching; of use for chunks beyond 8 MiB
};

/// Zstandard (RFC 8878), one independent frame per chunk. Chunks that do not shrink are stored,
/// except in Container::zstd_seekable; so are big ones that by a look at them would not by 1%.
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
  /// Also with a backend of the host's own.
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
