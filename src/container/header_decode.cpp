#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <string>

#include "codec/zstd_frame.hpp"
#include "container/header.hpp"
#include "container/header_rules.hpp"

namespace adapipe::inline v0_1 {
namespace {

struct SectionRule {
  bool critical = false;
  bool repeats = false;
  std::size_t exact_bytes = 0;  // 0: any length
};

/// By tag.
constexpr std::array<SectionRule, 10> kRules = {{
    {},
    {.critical = true, .exact_bytes = 4},                   // chunk_bytes
    {.critical = true, .exact_bytes = 2},                   // integrity
    {.critical = true, .exact_bytes = 2},                   // cipher
    {.critical = true, .exact_bytes = layout::kSaltBytes},  // file_salt
    {.critical = true, .repeats = true},                    // stage
    {.critical = true, .repeats = true},                    // slot
    {.exact_bytes = 8},                                     // plain_bytes
    {.repeats = true},                                      // metadata
    {},                                                     // padding
}};

bool is_known(std::uint16_t tag) noexcept { return tag >= 1 && tag < kRules.size(); }

struct Section {
  std::uint16_t tag = 0;
  std::uint16_t flags = 0;
  ByteSpan value{};
};

/// Broken rules of the values are the writer's mistake when writing, damage when reading.
errc as_read(errc kind) noexcept {
  return kind == errc::unsupported_version ? kind : errc::corrupt;
}

class SectionsDecoder {
 public:
  explicit SectionsDecoder(ByteSpan sections) noexcept : all_(sections) {}

  Header run() && {
    ByteReader reader(all_, "the container's header");
    while (!reader.empty()) {
      at_ = layout::kPreambleBytes + (all_.size() - reader.rest().size());
      annotated(at_, [&] { take(next(reader)); });
    }
    annotated(layout::kPreambleBytes, [&] { check_complete(); });
    for (std::size_t i = 0; i < header_.slots.size(); ++i)
      annotated(slots_at_[i], [&] { check_slot(header_.slots[i]); });
    return std::move(header_);
  }

 private:
  template <typename F>
  static void annotated(std::uint64_t offset, F&& step) {
    try {
      step();
    } catch (const Error& error) {
      throw Error(as_read(error.kind()), error.what()).at_offset(offset);
    }
  }

  static Section next(ByteReader& reader) {
    Section section;
    section.tag = reader.get<std::uint16_t>();
    section.flags = reader.get<std::uint16_t>();
    section.value = reader.get(reader.get<std::uint32_t>());
    return section;
  }

  void take(const Section& section) {
    check_form(section);
    last_tag_ = section.tag;
    if (!is_known(section.tag)) {
      header_.unknown.add(section.tag, section.value);
      return;
    }
    seen_.set(section.tag);
    take_value(section);
  }

  void check_form(const Section& section) const {
    const auto [tag, flags, value] = section;
    if (tag < last_tag_) throw Error(errc::corrupt, "the header's sections are out of order");
    if ((flags & ~layout::kCritical) != 0)
      throw Error(errc::corrupt, "a header section has flags that do not exist");
    const bool critical = flags == layout::kCritical;
    if (!is_known(tag)) {
      if (critical)
        throw Error(errc::unsupported_version,
                    fmt::format("the header has section {}, which this version does not know but "
                                "would have to",
                                tag));
      return;
    }
    const SectionRule& rule = kRules[tag];
    if (critical != rule.critical)
      throw Error(errc::corrupt, "a header section has the wrong critical flag");
    if (seen_[tag] && !rule.repeats) throw Error(errc::corrupt, "a header section occurs twice");
    if (rule.exact_bytes != 0 && value.size() != rule.exact_bytes)
      throw Error(errc::corrupt, "a header section has the wrong length");
  }

  void take_value(const Section& section) {
    ByteReader value(section.value, "a header section");
    switch (section.tag) {
      case layout::kChunkBytesSection:
        header_.chunk_bytes = value.get<std::uint32_t>();
        check_chunk_bytes(header_.chunk_bytes);
        break;
      case layout::kIntegritySection:
        take_integrity(value.get<std::uint16_t>());
        break;
      case layout::kCipherSection:
        take_cipher(value.get<std::uint16_t>());
        break;
      case layout::kFileSaltSection:
        std::ranges::copy(value.rest(), header_.file_salt.begin());
        break;
      case layout::kStageSection:
        take_stage(value);
        break;
      case layout::kSlotSection:
        take_slot(value);
        break;
      case layout::kPlainBytesSection:
        header_.plain_bytes = value.get<std::uint64_t>();
        check_plain_bytes(*header_.plain_bytes);
        break;
      case layout::kMetadataSection:
        take_metadata(value);
        break;
      case layout::kPaddingSection:
        take_padding(value.rest());
        break;
    }
  }

  void take_integrity(std::uint16_t number) {
    if (number != 1 && number != 2)
      throw Error(
          errc::unsupported_version,
          fmt::format("the container has integrity {}, which this version does not know", number));
    header_.integrity = static_cast<Integrity>(number);
  }

  void take_cipher(std::uint16_t number) {
    if (!is_known_cipher(number))
      throw Error(
          errc::unsupported_version,
          fmt::format("the container has cipher {}, which this version does not know", number));
    header_.cipher = number;
  }

  void take_stage(ByteReader& value) {
    const std::string_view id = as_text(value.get(value.get<std::uint8_t>()));
    check_stage_id(id);
    check_stage_count(header_.stages.size() + 1);
    header_.stages.push_back(
        {.id = std::string(id), .parameters = {value.rest().begin(), value.rest().end()}});
  }

  void take_slot(ByteReader& value) {
    const auto type = value.get<std::uint16_t>();
    check_slot_count(header_.slots.size() + 1);
    header_.slots.push_back({.type = type, .body = {value.rest().begin(), value.rest().end()}});
    slots_at_.push_back(at_);
  }

  void take_metadata(ByteReader& value) {
    const std::string_view key = as_text(value.get(value.get<std::uint16_t>()));
    const std::string_view text = as_text(value.rest());
    metadata_.check(key, text);
    header_.metadata.emplace_back(key, text);
  }

  void take_padding(ByteSpan zeros) {
    if (std::ranges::any_of(zeros, [](std::byte b) { return b != std::byte{0}; }))
      throw Error(errc::corrupt, "the header's padding is not all zeros");
    header_.padding_bytes = static_cast<std::uint32_t>(zeros.size());
  }

  void check_complete() const {
    for (const auto tag :
         {layout::kChunkBytesSection, layout::kIntegritySection, layout::kFileSaltSection})
      if (!seen_[tag])
        throw Error(errc::corrupt, fmt::format("the header lacks section {}", int{tag}));
    check_agreement(header_);
  }

  ByteSpan all_;
  Header header_;
  MetadataRules metadata_;
  std::bitset<kRules.size()> seen_;
  std::uint16_t last_tag_ = 0;
  std::uint64_t at_ = 0;  // offset of the section at hand
  std::vector<std::uint64_t> slots_at_;
};

}  // namespace

std::size_t header_rest_bytes(ByteSpan preamble) {
  const ByteSpan magic = preamble.first(std::min(preamble.size(), layout::kMagic.size()));
  if (magic.empty() || !std::equal(magic.begin(), magic.end(), layout::kMagic.begin()))
    throw Error(
        errc::not_a_container,
        starts_as_zstd(preamble)
            ? "this is a zstd file: it can be restored and read, but has no keys and no records"
            : "this is not an adapipe container")
        .at_offset(0);
  if (preamble.size() < layout::kPreambleBytes)
    throw Error(errc::truncated, "the container ends within its first 16 bytes")
        .at_offset(preamble.size());
  const auto major = load_le<std::uint16_t>(preamble.data() + 8);
  if (major != layout::kMajor)
    throw Error(errc::unsupported_version,
                fmt::format("the container has format version {}; this build reads version {}",
                            major, layout::kMajor))
        .at_offset(8);
  const auto header_bytes = load_le<std::uint32_t>(preamble.data() + 12);
  if (header_bytes > layout::kMaxHeaderBytes)
    throw Error(errc::corrupt, "the container's header claims more than 1 MiB").at_offset(12);
  return header_bytes + layout::kHeaderSumBytes + layout::kHeaderTagBytes;
}

Header decode_header(ByteSpan preamble_header_and_sum) {
  const ByteSpan bytes = preamble_header_and_sum;
  const std::size_t rest_bytes =
      header_rest_bytes(bytes.first(std::min(bytes.size(), layout::kPreambleBytes)));
  const std::size_t header_bytes = rest_bytes - layout::kHeaderSumBytes - layout::kHeaderTagBytes;
  const std::size_t sum_at = layout::kPreambleBytes + header_bytes;
  if (bytes.size() < sum_at + layout::kHeaderSumBytes)
    throw Error(errc::truncated, "the container ends within its header").at_offset(bytes.size());
  if (XXH3_64bits(bytes.data(), sum_at) != load_le<std::uint64_t>(bytes.data() + sum_at))
    throw Error(errc::corrupt, "the container's header was changed").at_offset(sum_at);
  Header header = SectionsDecoder(bytes.subspan(layout::kPreambleBytes, header_bytes)).run();
  header.minor = load_le<std::uint16_t>(bytes.data() + 10);
  return header;
}

}  // namespace adapipe::inline v0_1
