#pragma once

#include <adapipe/export.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/pipeline.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/runtime.hpp>
#include <adapipe/source.hpp>
#include <adapipe/stage.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

/// What a container says of itself.
struct ContainerInfo {
  bool authenticated = false;  ///< false: read without a key, anyone could have written it
  /// Such as "AES-256-GCM"; empty: not encrypted. Of a host's own, inspect() knows the number only.
  std::string cipher{};
  std::vector<StageInfo> stages{};
  std::vector<std::uint16_t> slot_types{};   ///< who can open it, see FORMAT.md
  std::optional<std::size_t> opened_slot{};  ///< the one of these that did, from 0
  std::uint32_t chunk_bytes = 0;
  std::optional<std::uint64_t> chunks{};       ///< known once the index was read
  std::optional<std::uint64_t> plain_bytes{};  ///< authenticated or recorded; empty if neither
  std::uint64_t container_bytes = 0;
  Metadata metadata{};
  bool is_zstd_file = false;  ///< then the chunks are its frames, and chunk_bytes is the largest
};

struct ReaderOptions {
  ListOf<Identity> identities{};
  /// Decoded chunks kept for this Reader alone; the newest one is in any case. Empty: it shares
  /// RuntimeOptions::cache_bytes with the other Readers of the Runtime.
  std::optional<std::size_t> cache_bytes{};
  std::vector<std::byte> context{};  ///< as given to process
  StageRegistry registry{};
  bool allow_unencrypted = false;  ///< as RestoreOptions::allow_unencrypted
  std::stop_token stop{};          ///< open() waits for a key provider no longer: Error(cancelled)
  /// Memory for the index: 4 times its size in the container is asked for, before any of it is
  /// read. Error(resource_exhausted) beyond.
  std::uint64_t max_index_memory_bytes = std::uint64_t{1} << 30;
  /// Decodes large ranges and ahead of sequential reads, and has the cache. Default:
  /// Runtime::shared().
  std::optional<Runtime> runtime{};
};

/// Random access to the plain bytes of a container, or of a zstd file whose frames say their sizes,
/// of at most 256 MiB: each of them is a chunk. Movable; read_at() may be called from any number of
/// threads at once: a chunk that several want is decoded once. Besides the index and the cache,
/// each call that decodes a chunk takes its plain and its stored bytes meanwhile: about twice
/// chunk_bytes. What Stage::worker_bytes() says is held for as many as ever decoded at once.
///
/// A range of several chunks and at least 256 KiB is read in parallel, as an operation of the
/// Runtime within its memory budget, and past the cache; chunk by chunk if the Runtime has no room
/// for one at the moment. From the third read on that begins where an earlier one ended (of up to
/// 8 readers that take turns), the workers of the Runtime decode ahead of it into the cache, two
/// chunks each, as far as half of the cache (divided by the Readers that share it) and the memory
/// budget allow. Not on Runtime::serial().
class ADAPIPE_API Reader {
 public:
  /// Checks header, tail and index, or finds the frames; Error(invalid_argument) if the source is
  /// not positional, or a zstd file that can only be restored from front to back.
  static Reader open(Source source, ReaderOptions options = {});

  /// One that was moved from can be assigned to or destroyed, nothing else.
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  std::uint64_t size() const noexcept;  ///< plain bytes; authenticated, if info() says so
  /// Fills `to` from plain offset `offset_bytes`; returns how many bytes, fewer than asked only at
  /// the end, 0 past it. Only chunks that pass their check are handed out. Throws Error with the
  /// chunk.
  std::size_t read_at(std::uint64_t offset_bytes, std::span<std::byte> to) const;
  /// The same as an operation, without waiting; Report::output_bytes says how many bytes. It may
  /// outlive the Reader; `to` must outlive it.
  Operation start_read(std::uint64_t offset_bytes, std::span<std::byte> to) const;
  const ContainerInfo& info() const noexcept;

 private:
  class Impl;
  explicit Reader(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// What can be said of a container without a key: the result is marked unauthenticated, and
/// `chunks` is known only if the container is not encrypted: only then the index is read, within
/// `max_index_memory_bytes` as in ReaderOptions. Of a zstd file, as much as Reader would need. The
/// source must be positional.
ADAPIPE_API ContainerInfo inspect(Source source,
                                  std::uint64_t max_index_memory_bytes = std::uint64_t{1} << 30);

}  // namespace adapipe::inline v0_1
