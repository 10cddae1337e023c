#pragma once

#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "container/open.hpp"
#include "container/record.hpp"

namespace adapipe::inline v0_1 {

/// A record that authenticates under the type and the sequence in its own header.
struct FoundRecord {
  RecordHeader header;
  std::uint64_t offset = 0;  ///< where it starts in the container
  ByteSpan data{};           ///< what was in it, until the scanner is used again
};

/// Finds every intact record of a container that may be damaged anywhere behind its header, from
/// front to back. Neither index nor trailer is needed: it looks for the magic of records, and
/// what follows is a record if it authenticates. Borrows. Not thread-safe.
///
/// Records do not overlap: within an intact one, and there only, the magic means nothing.
///
/// The work is linear, whatever is in the container. A magic costs one opening at most, of the
/// length that stands behind it, and no byte goes through more than kMaxTries openings that fail.
/// Where a forger has put so many false headers into a damaged stretch, records that begin within
/// the length that these claim are not found.
class RecordScanner {
 public:
  static constexpr std::size_t kMaxTries = 16;

  /// Told how many more bytes of the container have been passed; may throw, which ends the scan.
  using Passed = std::function<void(std::uint64_t bytes)>;

  /// `reserve` is asked before more memory is taken, for as much more as is taken. The records of a
  /// container need as much as the longest.
  RecordScanner(PositionalSourceImpl& source, const OpenedContainer& container,
                ReserveMemory reserve, Passed passed);

  /// The next one; nothing at the end of the source.
  std::optional<FoundRecord> next();

 private:
  bool find_magic();
  ByteSpan window();
  std::optional<FoundRecord> try_record();
  std::span<std::byte> read_payload(std::uint64_t offset, std::uint32_t bytes);
  void pass_to(std::uint64_t offset);

  PositionalSourceImpl& source_;
  const OpenedContainer& container_;
  const ReserveMemory reserve_;
  const Passed passed_;
  const std::uint64_t total_bytes_;
  RecordProtector protector_;
  std::uint64_t position_;         // everything before it is done with
  std::vector<std::byte> window_;  // of the container, from window_offset_ on
  std::uint64_t window_offset_ = 0;
  std::vector<std::byte> payload_;
  std::vector<std::uint64_t> failed_ends_;  // of openings that failed and reach over position_
};

}  // namespace adapipe::inline v0_1
