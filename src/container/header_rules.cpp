#include "container/header_rules.hpp"

#include <adapipe/chunk.hpp>

#include "cipher/host_cipher.hpp"
#include "cipher/openssl_aead.hpp"

namespace adapipe::inline v0_1 {
namespace {

void require(bool holds, errc otherwise, const char* message) {
  if (!holds) throw Error(otherwise, message);
}

/// Length of the sequence that `lead` starts; 0 if it starts none.
std::size_t utf8_length(unsigned lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead < 0xC0) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF8 ? 4 : 0;
}

/// RFC 3629: shortest forms only, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text) noexcept {
  static constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(lead);
    if (length == 0 || length > text.size()) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
    for (const char next : text.substr(1, length - 1)) {
      const auto bits = static_cast<unsigned char>(next);
      if ((bits & 0xC0u) != 0x80u) return false;
      code = code << 6 | (bits & 0x3Fu);
    }
    const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (code < kSmallest[length] || code > 0x10FFFF || is_surrogate) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

void check_chunk_bytes(std::uint32_t chunk_bytes) {
  require(chunk_bytes >= ChunkSize::kMinBytes && chunk_bytes <= ChunkSize::kMaxBytes,
          errc::invalid_argument, "the chunk size is not between 4 KiB and 256 MiB");
}

void check_stage_id(std::string_view id) {
  require(!id.empty() && id.size() <= 255, errc::invalid_argument,
          "a stage id does not have 1 to 255 bytes");
}

void check_plain_bytes(std::uint64_t plain_bytes) {
  require(plain_bytes <= layout::kMaxTotalBytes, errc::limit_exceeded,
          "the stream is longer than a container holds");
}

void check_stage_count(std::size_t stages) {
  require(stages <= layout::kMaxStages, errc::invalid_argument,
          "a container has at most 16 stages");
}

void check_slot_count(std::size_t slots) {
  require(slots <= layout::kMaxSlots, errc::invalid_argument,
          "a container has at most 64 key slots");
}

void check_agreement(const Header& header) {
  check_stage_count(header.stages.size());
  check_slot_count(header.slots.size());
  if (header.integrity == Integrity::checksum) {
    require(header.cipher == 0 && header.slots.empty(), errc::invalid_argument,
            "a container without encryption has neither cipher nor key slots");
    return;
  }
  require(header.cipher != 0, errc::invalid_argument, "an encrypted container needs a cipher");
  require(!header.slots.empty(), errc::invalid_argument, "an encrypted container needs a key slot");
  std::size_t passphrases = 0;
  for (const Slot& slot : header.slots) passphrases += is_passphrase_slot(slot.type) ? 1 : 0;
  require(passphrases <= 1, errc::invalid_argument, "a container has at most one passphrase slot");
}

void MetadataRules::check(std::string_view key, std::string_view value) {
  total_bytes_ += key.size() + value.size();
  require(total_bytes_ <= layout::kMaxMetadataBytes && key.size() <= UINT16_MAX,
          errc::limit_exceeded, "the metadata has more than 64 KiB, or a key as long");
  require(is_utf8(key) && is_utf8(value), errc::invalid_argument, "the metadata is not UTF-8");
  require(keys_.insert(key).second, errc::invalid_argument, "a metadata key occurs twice");
}

bool is_known_cipher(std::uint16_t id) noexcept {
  return (id >= kAes256Gcm && id <= kAes128Gcm) || is_host_cipher(id);
}

}  // namespace adapipe::inline v0_1
