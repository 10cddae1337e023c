#pragma once

#include <adapipe/backend.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "container/header.hpp"
#include "container/layout.hpp"
#include "keys/secret.hpp"

namespace adapipe::inline v0_1 {

enum class RecordType : std::uint8_t { chunk = 0, index = 1 };

struct RecordHeader {
  RecordType type = RecordType::chunk;
  std::uint16_t skipped = 0;       ///< bit i: stage i passed the chunk through
  std::uint32_t plain_bytes = 0;   ///< bytes before the first stage
  std::uint32_t stored_bytes = 0;  ///< payload bytes, tag or check included
  std::uint64_t sequence = 0;      ///< index of the chunk; in the index record: chunk count
};

using RecordHeaderBytes = std::array<std::byte, layout::kRecordHeaderBytes>;
RecordHeaderBytes encode_record_header(const RecordHeader& header) noexcept;

/// Bytes that protecting a record adds to its data.
constexpr std::size_t overhead_bytes(Integrity integrity) noexcept {
  return integrity == Integrity::aead ? layout::kTagBytes : layout::kCheckBytes;
}

/// The limits on a chunk, in its record header as in the index. Throws Error(corrupt).
void check_chunk_sizes(std::uint32_t plain_bytes, std::uint32_t stored_bytes,
                       const Header& container);

/// Checks magic, type, flags, and for chunks the limits that follow from `container`: plain and
/// stored sizes, skip bits of stages that exist; for an index, that its sizes agree. Throws
/// Error(corrupt), Error(unsupported_version).
RecordHeader decode_record_header(std::span<const std::byte, layout::kRecordHeaderBytes> bytes,
                                  const Header& container);

/// Whether decode_record_header() takes these bytes. For a search, which meets so many wrong ones
/// that an exception for each would cost too much.
bool is_record_header(std::span<const std::byte, layout::kRecordHeaderBytes> bytes,
                      const Header& container) noexcept;

/// How the records of one container are protected. A value; holds secrets.
struct RecordKeys {
  Integrity integrity = Integrity::checksum;
  std::shared_ptr<const CipherBackend> cipher{};  ///< Integrity::aead
  SecretBytes key{};                              ///< Integrity::aead: record_key
  std::uint64_t seed = 0;                         ///< Integrity::checksum: from header_tag

  std::size_t overhead_bytes() const noexcept { return v0_1::overhead_bytes(integrity); }
};

/// Seals and opens records. One per thread; not thread-safe. What a cipher throws passes through
/// with its name; stage_failed if it is no Error.
class RecordProtector {
 public:
  explicit RecordProtector(const RecordKeys& keys);
  ~RecordProtector();

  std::size_t overhead_bytes() const noexcept;

  /// Writes a whole record to `record`, which has 24 + data.size() + overhead bytes. `data` is
  /// either elsewhere or exactly at record + 24 (sealed in place). Fills header.stored_bytes.
  /// Must be called at most once per (type, sequence) of a container.
  void seal(RecordHeader& header, ByteSpan data, std::byte* record);

  /// As open(), but says nothing where open() throws.
  std::optional<std::span<std::byte>> try_open(
      std::span<const std::byte, layout::kRecordHeaderBytes> header_bytes,
      const RecordHeader& header, std::span<std::byte> payload);

  /// Checks the record and, encrypted or not, leaves the data at the front of `payload`, in place;
  /// returns it. Throws Error(corrupt); `payload` then holds nothing of use.
  std::span<std::byte> open(std::span<const std::byte, layout::kRecordHeaderBytes> header_bytes,
                            const RecordHeader& header, std::span<std::byte> payload);

 private:
  Integrity integrity_;
  std::uint64_t seed_;
  std::shared_ptr<const CipherBackend> backend_;
  std::unique_ptr<CipherWorker> cipher_;
};

}  // namespace adapipe::inline v0_1
