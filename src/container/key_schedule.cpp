#include "container/key_schedule.hpp"

#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::size_t kHeaderKeyBytes = 32;

}  // namespace

SecretBytes KeySchedule::header_key() const {
  SecretBytes key(kHeaderKeyBytes);
  hkdf_sha256(file_key_.bytes(), salt_, as_bytes("adapipe/1 header"), key.bytes());
  return key;
}

SecretBytes KeySchedule::record_key(const CipherBackend& cipher) const {
  ByteWriter info;
  info.put(as_bytes("adapipe/1 record ")).put(cipher.id());
  SecretBytes key(cipher.key_bytes());
  hkdf_sha256(file_key_.bytes(), salt_, info.bytes(), key.bytes());
  return key;
}

}  // namespace adapipe::inline v0_1
