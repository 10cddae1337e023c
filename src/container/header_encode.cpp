#include <xxhash.h>

#include <array>

#include "container/header.hpp"
#include "container/header_rules.hpp"

namespace adapipe::inline v0_1 {
namespace {

void check_values(const Header& header) {
  check_chunk_bytes(header.chunk_bytes);
  if (header.cipher != 0 && !is_known_cipher(header.cipher))
    throw Error(errc::invalid_argument, "the container has no number for this cipher");
  for (const StageInfo& stage : header.stages) check_stage_id(stage.id);
  if (header.plain_bytes) check_plain_bytes(*header.plain_bytes);
  MetadataRules metadata;
  for (const auto& [key, value] : header.metadata) metadata.check(key, value);
  check_agreement(header);
}

void check_length(std::size_t header_bytes) {
  if (header_bytes > layout::kMaxHeaderBytes)
    throw Error(errc::limit_exceeded, "the container's header would have more than 1 MiB");
}

/// Tags must be put in ascending order.
class SectionWriter {
 public:
  void put(std::uint16_t tag, const ByteWriter& value) {
    const bool critical = tag >= layout::kChunkBytesSection && tag <= layout::kSlotSection;
    const std::size_t size = value.bytes().size();
    check_length(out_.bytes().size() + layout::kSectionHeadBytes + size);
    out_.put(tag).put<std::uint16_t>(critical ? layout::kCritical : 0);
    out_.put(static_cast<std::uint32_t>(size)).put(value.bytes());
  }
  void put(const std::vector<std::byte>& sections) {
    check_length(out_.bytes().size() + sections.size());
    out_.put(sections);
  }
  ByteSpan bytes() const noexcept { return out_.bytes(); }

 private:
  ByteWriter out_;
};

void put_repeated(const Header& header, SectionWriter& out) {
  for (const StageInfo& stage : header.stages)
    out.put(layout::kStageSection, ByteWriter()
                                       .put(static_cast<std::uint8_t>(stage.id.size()))
                                       .put(as_bytes(stage.id))
                                       .put(stage.parameters));
  for (const Slot& slot : header.slots)
    out.put(layout::kSlotSection, ByteWriter().put(slot.type).put(slot.body));
  if (header.plain_bytes)
    out.put(layout::kPlainBytesSection, ByteWriter().put(*header.plain_bytes));
  for (const auto& [key, value] : header.metadata)
    out.put(layout::kMetadataSection, ByteWriter()
                                          .put(static_cast<std::uint16_t>(key.size()))
                                          .put(as_bytes(key))
                                          .put(as_bytes(value)));
}

}  // namespace

void UnknownSections::add(std::uint16_t tag, ByteSpan value) {
  std::vector<std::byte>& to = tag < layout::kChunkBytesSection ? before_known : behind_known;
  std::array<std::byte, layout::kSectionHeadBytes> head{};  // its flags are 0
  store_le(head.data(), tag);
  store_le(head.data() + 4, static_cast<std::uint32_t>(value.size()));
  to.insert(to.end(), head.begin(), head.end());
  to.insert(to.end(), value.begin(), value.end());
}

std::vector<std::byte> encode_header(const Header& header) {
  check_values(header);
  SectionWriter sections;
  sections.put(header.unknown.before_known);
  sections.put(layout::kChunkBytesSection, ByteWriter().put(header.chunk_bytes));
  sections.put(layout::kIntegritySection,
               ByteWriter().put(static_cast<std::uint16_t>(header.integrity)));
  if (header.integrity == Integrity::aead)
    sections.put(layout::kCipherSection, ByteWriter().put(header.cipher));
  sections.put(layout::kFileSaltSection, ByteWriter().put(header.file_salt));
  put_repeated(header, sections);
  if (header.padding_bytes) {
    check_length(*header.padding_bytes);
    sections.put(layout::kPaddingSection, ByteWriter().zeros(*header.padding_bytes));
  }
  sections.put(header.unknown.behind_known);

  ByteWriter out;
  out.put(layout::kMagic).put(layout::kMajor).put(header.minor);
  out.put(static_cast<std::uint32_t>(sections.bytes().size())).put(sections.bytes());
  const std::uint64_t sum = XXH3_64bits(out.bytes().data(), out.bytes().size());
  return std::move(out.put(sum)).take();
}

Digest256 compute_header_tag(Integrity integrity, ByteSpan header_key,
                             ByteSpan preamble_and_header) {
  return integrity == Integrity::aead ? hmac_sha256(header_key, {preamble_and_header})
                                      : sha256({preamble_and_header});
}

std::vector<std::byte> encode_head(const Header& header, ByteSpan header_key) {
  std::vector<std::byte> head = encode_header(header);
  const ByteSpan tagged = ByteSpan(head).first(head.size() - layout::kHeaderSumBytes);
  const Digest256 tag = compute_header_tag(header.integrity, header_key, tagged);
  head.insert(head.end(), tag.begin(), tag.end());
  return head;
}

}  // namespace adapipe::inline v0_1
