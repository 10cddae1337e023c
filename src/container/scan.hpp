#pragma once

#include <adapipe/error.hpp>
#include <adapipe/source.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
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
/// length that stands behind it, and no byte goes through more than kMaxTries openings of each type
/// that fail. Where a forger has put so many false headers into a damaged stretch, records of their
/// type that begin within the length that these claim are not found. An index may claim all that
/// follows, so what is tried as one must not hide chunks.
class RecordScanner {
 public:
  static constexpr std::size_t kMaxTries = 8;

  /// Told how many more bytes of the container have been passed; may throw, which ends the scan.
  using Passed = std::function<void(std::uint64_t bytes)>;

  /// Told how many bytes that were reserved are not used any more.
  using ReleaseMemory = std::function<void(std::size_t bytes)>;

  /// `reserve` is asked before more memory is taken, for as much more as is taken. The chunks of a
  /// container need as much as the longest. What an index needs beyond that is released when the
  /// scan goes on, and everything at the end of the scanner's life. A chunk of more than
  /// `max_stored_bytes`, which no stage can have made, is none, so that false ones take no more
  /// memory than true ones may. After `stop` nothing more is read.
  RecordScanner(PositionalSourceImpl& source, const OpenedContainer& container,
                ReserveMemory reserve, ReleaseMemory release, Passed passed,
                std::uint64_t max_stored_bytes = UINT64_MAX, std::stop_token stop = {});
  ~RecordScanner() { shrink_room(0); }
  RecordScanner(const RecordScanner&) = delete;

  /// The next one; nothing at the end of the source.
  std::optional<FoundRecord> next();

  /// Why what may be an index was passed over, if it was: it claims more memory than `reserve`
  /// gives. Anybody can put such a claim where something is damaged, so it ends no scan; but for
  /// whoever finds no index, it may have been the one.
  const std::optional<Error>& index_passed_over() const noexcept { return index_passed_over_; }

 private:
  bool find_magic();
  ByteSpan window();
  std::optional<FoundRecord> try_record();
  bool make_room(const RecordHeader& header);
  void shrink_room(std::size_t bytes);
  void pass_to(std::uint64_t offset);

  PositionalSourceImpl& source_;
  const OpenedContainer& container_;
  const ReserveMemory reserve_;
  const ReleaseMemory release_;
  const Passed passed_;
  const std::uint64_t total_bytes_;
  const std::uint64_t max_stored_bytes_;  // of a chunk
  const std::stop_token stop_;
  RecordProtector protector_;
  std::uint64_t position_;         // everything before it is done with
  std::vector<std::byte> window_;  // of the container, from window_offset_ on
  std::uint64_t window_offset_ = 0;
  std::vector<std::byte> payload_;
  std::size_t longest_chunk_bytes_ = 0;  // that was tried
  // For each type: of openings that failed and reach over position_.
  std::array<std::vector<std::uint64_t>, 2> failed_ends_;
  std::optional<Error> index_passed_over_;
};

}  // namespace adapipe::inline v0_1
