#pragma once

#include <adapipe/export.hpp>
#include <adapipe/report.hpp>
#include <adapipe/restore.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

/// Plain bytes that could not be recovered: one or more chunks in a row. The output holds zeros
/// there.
struct LostRange {
  std::uint64_t offset_bytes = 0;  ///< in the output
  std::uint64_t length_bytes = 0;
  std::uint64_t first_chunk = 0;
  std::optional<std::uint64_t> chunks{};  ///< how many; empty: not known, at the end only
  std::string reason{};                   ///< without a full stop
};

/// What was done, and what was lost. `output_bytes` counts the zeros in the place of what was lost,
/// `chunks` those that were recovered.
struct SalvageReport : Report {
  std::uint64_t recovered_bytes = 0;
  std::vector<LostRange> lost{};  ///< ascending, not touching with the same reason
  /// false: neither the index nor the header tells where the plain bytes end, so more may be lost
  /// than is listed.
  bool end_known = false;
  /// From here on, what was recovered may stand at a wrong offset: see salvage().
  std::optional<std::uint64_t> assumed_from_bytes{};

  /// The output is what restore() would have written of the undamaged container.
  bool is_complete() const noexcept { return lost.empty() && end_known; }
};

/// Writes to `sink` what a damaged container still holds, and waits: every chunk whose record
/// authenticates, with zeros in the place of the others. The sink is committed although something
/// was lost: is_complete() tells. Everything runs on the calling thread; of the Runtime only its
/// memory budget is used, and `max_in_flight` means nothing.
///
/// The header must be sound and is opened as by restore(): it holds what the keys are made of, so
/// without it nothing can be had. Behind it, bytes may have been changed, removed, inserted or cut
/// off, index and trailer included. Records are looked for from front to back, wherever they are
/// now. A record counts if it authenticates under its own number and then belongs to that chunk,
/// whatever stands around it; nothing else reaches the sink. Of a container that is not encrypted,
/// anyone could have made the records.
///
/// Where a chunk belongs follows from the sizes of those before it. If the index is intact, they
/// are known. If not, a missing chunk is taken to have had the chunk size of the container, as all
/// chunks but the last have when their writer cut evenly; `assumed_from_bytes` then says from where
/// on offsets rest on that. What would reach over the end, if that is known, is given up.
///
/// A chunk that a stage fails to undo is lost, like one whose record is damaged. If no chunk is
/// recovered of a container that has any, or may have: Error(corrupt), and the sink is abandoned.
/// Zeros are written out only where the sink needs them: see PositionalSinkImpl::holes_are_zeros.
///
/// What it takes of the memory budget: as much as one chunk of the container's chunk size (or of
/// the length in its header, if that is less) may need, whether there is one or not, as anybody can
/// put the claim of one where something is damaged; the index; and a little for each chunk and each
/// range that is lost, but not for copies. Beyond the budget: Error(resource_exhausted), and
/// nothing is written.
///
/// Throws Error(invalid_argument) if the source is not positional. What cannot be read because the
/// system refuses is an io_error, not a loss, and what a cipher throws ends the call as well. Else
/// as restore().
ADAPIPE_API SalvageReport salvage(Source source, Sink sink, RestoreOptions options = {});

}  // namespace adapipe::inline v0_1
