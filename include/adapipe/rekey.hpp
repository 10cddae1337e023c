#pragma once

#include <adapipe/export.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/report.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

namespace adapipe::inline v0_1 {

struct RekeyOptions {
  ListOf<Identity> identities{};  ///< one of them must open the container
  ListOf<Recipient> add{};        ///< each gets a slot, behind those that stay
  /// Slots to leave out: positions in ContainerInfo::slot_types, from 0.
  std::vector<std::size_t> remove{};
  bool remove_all = false;           ///< leave out all slots there were: only `add` opens then
  std::vector<std::byte> context{};  ///< as given to process; stays as it is
  std::stop_token stop{};            ///< a stop requested here ends the call: Error(cancelled)
  /// As ProcessOptions::on_progress, on the calling thread. Nothing is decoded, so both counts are
  /// bytes of the container.
  std::function<void(const Progress&)> on_progress{};
  /// As ReaderOptions::max_index_memory_bytes.
  std::uint64_t max_index_memory_bytes = std::uint64_t{1} << 30;
  StageRegistry registry{};  ///< for a cipher of the host's own; stages are not looked at
};

/// Writes the encrypted container at `source` to `sink` with other key slots, and waits. Everything
/// runs on the calling thread, key services included. Where a file sink goes beyond the process's
/// limit of file sizes (RLIMIT_FSIZE), that thread gets SIGXFSZ, which the library's own threads
/// block: it ends the process unless it is ignored, handled or blocked.
///
/// Header, index and all they say are checked before the sink is opened; the records are copied as
/// they are, unread: a damaged one stays damaged. verify() tells, before or after. On failure a
/// file holds what it held before; memory holds nothing, and a stream what was written (see Sink).
///
/// A file sink that overwrites may be the source's own file: it is replaced at the end, in one
/// step, if it still is the file that was opened, with the same size and time of modification. If
/// not, what is there now stays: Error(io_error). Not noticed is what happens between that check
/// and the renaming that follows at once, or leaves size and time alone.
/// FileSinkOptions::replaces_input also keeps a file that has taken the source's place before the
/// sink was opened. Any other sink must not be where the source is; Sink::memory onto the source's
/// bytes cannot be told, and destroys them.
///
/// This changes who can open this copy of the container and takes nothing from anyone. The key of
/// the container stays the same: who could open it before may have kept that key, or an older copy.
/// To shut someone out of data, process it again and destroy every old copy.
///
/// Throws Error(invalid_argument) if the source is not positional, if the container is not
/// encrypted, if nothing would change, or for slots that cannot be: none left, more than 64, two
/// passphrases, one to remove that is not there or is named twice (by `remove_all`, too).
/// Error(not_a_container), (truncated), (corrupt), (unsupported_version) for what the container is;
/// (wrong_key), (limit_exceeded), also for a header that would be too long, and a key service's own
/// for its slots; (resource_exhausted) for the memory of the index; (already_exists) and (io_error)
/// for the files; (cancelled).
ADAPIPE_API Report rekey(Source source, Sink sink, RekeyOptions options = {});

}  // namespace adapipe::inline v0_1
