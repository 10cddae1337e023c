#include "keys/slot_seal.hpp"

#include <array>

#include "keys/kdf.hpp"
#include "util/aead.hpp"
#include "util/for_good.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::size_t kTagBytes = 16;
/// Safe, because the key under which it is used is bound to the file's salt, which is never reused.
constexpr std::array<std::byte, 12> kZeroNonce{};

AeadContext wrap_context(std::uint16_t type, const Digest256& parameters, ByteSpan secret,
                         FileSalt file_salt, AeadContext::Use use) {
  static const ForGood cipher(fetch_cipher("AES-256-GCM"));
  ByteWriter info;
  info.put(as_bytes("adapipe/1 slot ")).put(type).put(parameters);
  SecretArray<32> wrap_key;
  hkdf_sha256(secret, file_salt, info.bytes(), wrap_key.bytes());
  return AeadContext(**cipher, wrap_key.bytes(), use);
}

}  // namespace

Slot seal_slot(std::uint16_t type, std::vector<std::byte> parameters, ByteSpan secret,
               const FileKey& file_key, FileSalt file_salt, ByteSpan bound) {
  AeadContext context =
      wrap_context(type, sha256({parameters, bound}), secret, file_salt, AeadContext::Use::seal);
  std::array<std::byte, kWrappedBytes> wrapped;
  context.seal(kZeroNonce, {}, file_key.bytes(), wrapped.data(),
               std::span(wrapped).last<kTagBytes>());
  Slot slot{.type = type, .body = std::move(parameters)};
  slot.body.insert(slot.body.end(), wrapped.begin(), wrapped.end());
  return slot;
}

std::optional<FileKey> open_slot(const Slot& slot, ByteSpan secret, FileSalt file_salt,
                                 ByteSpan bound) {
  const ByteSpan body = slot.body;
  const ByteSpan wrapped = body.last(kWrappedBytes);
  const Digest256 parameters = sha256({body.first(body.size() - kWrappedBytes), bound});
  AeadContext context =
      wrap_context(slot.type, parameters, secret, file_salt, AeadContext::Use::open);
  FileKey file_key;
  if (!context.open(kZeroNonce, {}, wrapped.first(file_key.bytes().size()), file_key.bytes().data(),
                    wrapped.last<kTagBytes>()))
    return std::nullopt;
  return file_key;
}

}  // namespace adapipe::inline v0_1
