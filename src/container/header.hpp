#pragma once

#include <adapipe/pipeline.hpp>
#include <adapipe/stage.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "container/layout.hpp"
#include "keys/kdf.hpp"
#include "keys/slot.hpp"

namespace adapipe::inline v0_1 {

enum class Integrity : std::uint16_t {
  checksum = 1,  ///< XXH3-64 per record: detects accidents
  aead = 2,      ///< AEAD per record: detects attackers
};

/// The sections of a later version that readers of this one may skip, as they stand in a header. A
/// hostile one has a hundred thousand, so none has memory of its own.
struct UnknownSections {
  std::vector<std::byte> before_known{};  ///< tag 0, which version 1 does not have
  std::vector<std::byte> behind_known{};

  /// In ascending order of their tags.
  void add(std::uint16_t tag, ByteSpan value);
  friend bool operator==(const UnknownSections&, const UnknownSections&) = default;
};

/// The sections of a header, as values. What was decoded is encoded to the same bytes.
struct Header {
  std::uint16_t minor = layout::kMinor;
  std::uint32_t chunk_bytes = 0;
  Integrity integrity = Integrity::checksum;
  std::uint16_t cipher = 0;  ///< 0 if and only if integrity is checksum
  std::array<std::byte, layout::kSaltBytes> file_salt{};
  std::vector<StageInfo> stages{};  ///< forward order
  std::vector<Slot> slots{};        ///< none if and only if integrity is checksum
  std::optional<std::uint64_t> plain_bytes{};
  Metadata metadata{};
  std::optional<std::uint32_t> padding_bytes{};  ///< without the section's own head
  UnknownSections unknown{};
};

/// preamble || header || header_sum. Throws Error(invalid_argument) or Error(limit_exceeded) for
/// what the format cannot hold.
std::vector<std::byte> encode_header(const Header& header);

/// Length of header || header_sum || header_tag, from the preamble. Throws, in this order:
/// Error(truncated) if it is cut within the magic, Error(not_a_container), Error(truncated),
/// Error(unsupported_version), Error(corrupt) if the header is longer than allowed. `preamble` has
/// up to kPreambleBytes bytes: what there was.
std::size_t header_rest_bytes(ByteSpan preamble);

/// The inverse of encode_header: checks header_sum first, then every rule of FORMAT.md.
Header decode_header(ByteSpan preamble_header_and_sum);

/// header_tag over preamble || header (without the sum). `header_key` is used with Integrity::aead.
Digest256 compute_header_tag(Integrity integrity, ByteSpan header_key,
                             ByteSpan preamble_and_header);

/// All that stands before the first record: what encode_header() gives, and header_tag.
std::vector<std::byte> encode_head(const Header& header, ByteSpan header_key);

}  // namespace adapipe::inline v0_1
