#pragma once

#include "cipher/openssl_aead.hpp"
#include "keys/kdf.hpp"
#include "keys/secret.hpp"
#include "keys/slot.hpp"

namespace adapipe::inline v0_1 {

/// What follows from the file key (FORMAT.md, "Keys"). Holds secrets.
class KeySchedule {
 public:
  KeySchedule(const FileKey& file_key, FileSalt file_salt, ByteSpan context)
      : file_key_(file_key), salt_(sha256({file_salt, context})) {}

  const FileKey& file_key() const noexcept { return file_key_; }
  SecretBytes header_key() const;
  /// Bound to the cipher, so that no two ciphers are ever used with related keys.
  SecretBytes record_key(const CipherBackend& cipher) const;

 private:
  FileKey file_key_;
  Digest256 salt_;
};

}  // namespace adapipe::inline v0_1
