#pragma once

#include <xxhash.h>

#include <adapipe/keys.hpp>
#include <adapipe/source.hpp>
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "container/header.hpp"
#include "container/open.hpp"
#include "support/bytes.hpp"
#include "support/fixed_random.hpp"

namespace adapipe::testing {

/// The error that `step` throws, if any.
template <typename F>
std::optional<Error> error_of(F&& step) {
  try {
    step();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

template <typename F>
std::optional<errc> kind_of(F&& step) {
  const auto error = error_of(step);
  return error ? std::optional(error->kind()) : std::nullopt;
}

inline SharedKey shared_key(std::uint8_t first) {
  std::array<std::byte, SharedKey::kBytes> bytes;
  FixedRandom(first).fill(bytes);
  return SharedKey::from_bytes(bytes);
}

/// Bytes as an input that gives at most `most` of them at a time.
class BytesSource final : public PositionalSourceImpl {
 public:
  explicit BytesSource(ByteSpan bytes, std::size_t most = SIZE_MAX) noexcept
      : bytes_(bytes), most_(most) {}

  std::uint64_t total_bytes() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    if (offset >= bytes_.size()) return 0;
    const std::size_t count = std::min({to.size(), bytes_.size() - std::size_t(offset), most_});
    std::ranges::copy(bytes_.subspan(std::size_t(offset), count), to.begin());
    return count;
  }

 private:
  ByteSpan bytes_;
  std::size_t most_;
};

/// A header written section by section, so that each rule can be broken.
struct RawSection {
  std::uint16_t tag = 0;
  std::uint16_t flags = 0;
  Bytes value{};
};
using RawSections = std::vector<RawSection>;

/// Puts the right header_sum behind preamble || header.
inline Bytes with_sum(Bytes preamble_and_header) {
  Bytes out = std::move(preamble_and_header);
  const std::uint64_t sum = XXH3_64bits(out.data(), out.size());
  out.resize(out.size() + 8);
  store_le(out.data() + out.size() - 8, sum);
  return out;
}

/// preamble || header || header_sum.
inline Bytes raw_head(const RawSections& sections) {
  ByteWriter body;
  for (const RawSection& section : sections)
    body.put(section.tag)
        .put(section.flags)
        .put(static_cast<std::uint32_t>(section.value.size()))
        .put(section.value);
  ByteWriter out;
  out.put(from_hex("89 41 44 50 0D 0A 1A 0A  01 00  00 00"));
  out.put(static_cast<std::uint32_t>(body.bytes().size())).put(body.bytes());
  return with_sum(std::move(out).take());
}

inline RawSection& section(RawSections& sections, std::uint16_t tag) {
  return *std::ranges::find(sections, tag, &RawSection::tag);
}

/// The sections of an encrypted container's header; every one that version 1 knows, once.
inline RawSections aead_sections() {
  const auto filled = [](std::size_t size) { return Bytes(size, std::byte{0xA5}); };
  RawSections out = {
      {1, 1, from_hex("00 00 01 00")},  // 64 KiB
      {2, 1, from_hex("02 00")},
      {3, 1, from_hex("01 00")},
      {4, 1, filled(32)},
      {5, 1, from_text("\x0corg.test.xor*")},
      {6, 1, from_hex("01 00")},
      {7, 0, from_hex("05 00 00 00 00 00 00 00")},
      {8, 0, from_text(std::string_view("\4\0namevalue", 11))},
      {9, 0, Bytes(3)},
  };
  out[5].value.resize(2 + 16 + 32 + 48, std::byte{0x5A});
  return out;
}

inline RawSections checksum_sections() {
  RawSections out = aead_sections();
  section(out, 2).value = from_hex("01 00");
  std::erase_if(out, [](const RawSection& s) { return s.tag == 3 || s.tag == 6; });
  return out;
}

/// What create_container() is given in these tests: all that a caller can ask for.
inline Header asked_header() {
  Header header;
  header.chunk_bytes = 65536;
  header.stages = {{.id = "org.test.xor", .parameters = from_hex("2a")}};
  header.plain_bytes = 5;
  header.metadata = {{"name", "\u00e4"}};
  header.padding_bytes = 3;
  return header;
}

}  // namespace adapipe::testing
