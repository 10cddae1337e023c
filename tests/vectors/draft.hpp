#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cipher/openssl_aead.hpp"
#include "container/fixture.hpp"
#include "keys/slot.hpp"
#include "vectors/vectors.hpp"

namespace adapipe::testing {

/// A record before it is sealed. What is not set is what it should be.
struct DraftRecord {
  Bytes magic = from_hex("EF 41 52 43");
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint16_t skipped = 0;
  std::optional<std::uint32_t> plain_bytes{};   ///< default: data.size()
  std::optional<std::uint32_t> stored_bytes{};  ///< default: data.size() and tag or check
  std::optional<std::uint64_t> sequence{};      ///< default: its place
  Bytes data{};
};

/// A container before it is sealed. Whatever is changed in it, the lengths, sums, tags and seals
/// around it fit, so that a reader finds the change and nothing else.
struct Draft {
  std::uint16_t major = 1;
  std::uint16_t minor = 0;
  RawSections sections;
  std::uint16_t cipher = 0;         ///< that seals, whatever the sections say; 0: integrity 1
  std::uint8_t file_key_first = 0;  ///< the file key is this byte and the 31 that count on
  std::vector<DraftRecord> chunks;
  std::optional<DraftRecord> index{};  ///< default: index_of()

  /// Puts a section behind those with the same or a smaller tag.
  Draft& with(RawSection section);
  Draft& without(std::uint16_t tag);
  Draft& with_slot(const Slot& slot);
  Draft& with_stage(std::string_view id, const Bytes& parameters = {});
  /// All slots but these are gone.
  Draft& with_slots(const ListOf<Recipient>& recipients);
};

/// Three short chunks, "one", "two" and "three", without stages. Integrity 1.
Draft plain_draft();
/// The same under AES-256-GCM, for shared_vector_key().
Draft encrypted_draft();

/// The slot that gives a draft's file key to `recipient`.
Slot draft_slot(const Recipient& recipient, std::uint8_t file_key_first = 0);
/// The same, sealed with `secret`; see seal_slot().
Slot draft_slot(std::uint16_t type, Bytes parameters, ByteSpan secret, ByteSpan bound = {});

DraftRecord index_of(const Draft& draft);
/// Appends a section to the content of an index.
void put_section(Bytes& content, const RawSection& section);

struct Sealed {
  Bytes bytes;
  std::size_t header_sum = 0;  ///< offsets in `bytes`
  std::size_t header_tag = 0;
  std::vector<std::size_t> chunks{};
  std::size_t index = 0;
  std::size_t trailer = 0;
};
Sealed seal(const Draft& draft);

/// One vector for each change, all starting from the same container.
using DraftChanges = std::vector<std::pair<std::string, std::function<void(Draft&)>>>;
void add_drafts(VectorFiles& out, const std::string& folder, const Draft& base,
                const DraftChanges& changes);
using SealedChanges = std::vector<std::pair<std::string, std::function<void(Sealed&)>>>;
void add_sealed(VectorFiles& out, const std::string& folder, const Draft& base,
                const SealedChanges& changes);

}  // namespace adapipe::testing
