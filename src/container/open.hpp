#pragma once

#include <adapipe/keys.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/source.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>

#include "container/header.hpp"
#include "container/index.hpp"
#include "container/key_schedule.hpp"
#include "container/record.hpp"

namespace adapipe::inline v0_1 {

/// Fills `to` from where the last call ended; fewer bytes only at the end of the input.
using ReadFull = std::function<std::size_t(std::span<std::byte>)>;
ReadFull read_full_from(SourceImpl& source, std::stop_token stop = {});
/// Starts at offset 0.
ReadFull read_full_from(PositionalSourceImpl& source, std::stop_token stop = {});

struct OpenOptions {
  const ListOf<Identity>& identities;
  ByteSpan context;
  bool allow_unencrypted = false;
  std::stop_token stop{};      ///< ends waiting for a key service
  bool keep_schedule = false;  ///< who only reads has no use for the file key
  StageRegistry registry{};    ///< which ciphers there are
};

/// Of what is not encrypted: throws Error(wrong_key) if the caller counts on more.
void refuse_if_key_expected(const OpenOptions& options);

/// A container whose header has been authenticated.
struct OpenedContainer {
  Header header;
  RecordKeys keys;
  std::uint64_t records_offset = 0;          ///< where the first record stands
  std::optional<std::size_t> opened_slot{};  ///< which of the slots opened it, if it is encrypted
  std::optional<KeySchedule> schedule{};     ///< if OpenOptions::keep_schedule, and encrypted

  std::optional<std::uint16_t> slot_type() const {
    return opened_slot ? std::optional(header.slots[*opened_slot].type) : std::nullopt;
  }
};

/// Reads and checks the header in the order of FORMAT.md ("Reading defensively") and unwraps the
/// file key. One message for every key failure; a slot that cannot be tried is reported only if no
/// other opens. Throws Error(not_a_container), (truncated),
/// (unsupported_version), (corrupt), (wrong_key), (limit_exceeded).
OpenedContainer open_container(const ReadFull& read, const OpenOptions& options);

/// Reads the header without a key; nothing of it is authenticated.
Header read_header(const ReadFull& read);

/// Fills `to` from `offset` on. Throws Error(truncated) if there is less.
void read_exactly(PositionalSourceImpl& source, std::uint64_t offset, std::span<std::byte> to,
                  const std::stop_token& stop = {});

/// Called with a number of bytes before that much memory is taken for an index; throws if it is not
/// to be had.
using ReserveMemory = std::function<void(std::size_t bytes)>;

/// Checks trailer and index record of a container, and that records fill the space between header
/// and index to the byte. `record` gets the index record as it stands.
Index read_index(PositionalSourceImpl& source, const OpenedContainer& container,
                 const ReserveMemory& reserve = {}, const std::stop_token& stop = {},
                 std::vector<std::byte>* record = nullptr);

/// Whether an index record of this size can list as many chunks as its sequence says.
bool index_bytes_fit(const RecordHeader& header) noexcept;

/// Throws Error(corrupt) if an index record of this size cannot list `chunks` chunks. Asked before
/// memory is taken for it.
void check_index_bytes(const RecordHeader& header, std::uint64_t chunks);

/// Opens an index record, in place, and checks its content against its own header and that of the
/// container. What it says of the records is for the caller to compare with what it has seen.
Index open_index_record(std::span<const std::byte, layout::kRecordHeaderBytes> header_bytes,
                        const RecordHeader& header, std::span<std::byte> payload,
                        const OpenedContainer& container);

/// The same, of one that was opened already: `content` is what was in it.
Index decode_index_record(const RecordHeader& header, ByteSpan content,
                          const OpenedContainer& container);

}  // namespace adapipe::inline v0_1
