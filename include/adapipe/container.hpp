#pragma once

#include <cstdint>

namespace adapipe::inline v0_1 {

/// What a pipeline writes.
enum class Container : std::uint8_t {
  /// A container (FORMAT.md) that restore() and Reader open again: it records the stages, checks
  /// every chunk, or encrypts it, and can be read at random.
  adapipe,
  /// Nothing but what comes out of the last stage, in order: for a host that knows how to read it.
  /// Nothing is checked, recorded or encrypted, so stages that cannot be undone are welcome, a
  /// cipher, metadata and a context are not. restore() cannot open it, unless what comes out is a
  /// zstd file.
  none,
  /// A .zst file: a frame a chunk, which every zstd decoder restores, and behind them the seek
  /// table of zstd's seekable format (src/container/seekable_layout.hpp), by which its readers go
  /// to any place. Takes one zstd() stage, and taps; a cipher, metadata and a context have
  /// no place in it. Each frame has a checksum of its content, so that whoever decodes it, `zstd
  /// -t` too, finds accidental damage; that frames are missing or in another order is found only
  /// by who heeds the table. At most 2^27 chunks.
  zstd_seekable,
};

}  // namespace adapipe::inline v0_1
