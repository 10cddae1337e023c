#pragma once

#include <adapipe/chunk.hpp>
#include <adapipe/export.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/stage.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace adapipe::inline v0_1 {

/// Taps: stages that see the bytes at their place in the pipeline and change nothing. Any
/// number may stand anywhere before the cipher. Containers do not record them, so restoring needs
/// to know nothing of them, and runs none. Report::stages lists them by their names.

struct TapOptions {
  std::string name = "tap";  ///< 1 .. 255 bytes, for errors and reports
  bool in_order = false;     ///< as Stage::in_order
};

/// Calls `see` with every chunk, on a CPU worker: it should not wait. From several threads at once,
/// of several operations, too. The bytes are valid during the call. Throwing fails the operation.
ADAPIPE_API std::shared_ptr<const Stage> tap(
    std::function<void(const ChunkInfo&, std::span<const std::byte>)> see, TapOptions options = {});

/// SHA-256 (FIPS 180-4) of all bytes that pass, in the order of the stream: each operation reports
/// its own in StageReport::digest.
ADAPIPE_API std::shared_ptr<const Stage> sha256();

/// Writes all bytes that pass to `sink` as well, from front to back, on an I/O thread, where it may
/// wait; the pipeline is then as slow as it is. The sink is opened after that of the container,
/// committed right before it, and abandoned if the operation fails before that: what was committed
/// stays, also if the commit of the next tee or of the container then fails. What goes wrong with
/// it fails the operation. Durability::machine is for the container only.
///
/// One sink is for one operation: a second one on the pipeline fails with Error(invalid_argument).
ADAPIPE_API std::shared_ptr<const Stage> tee(Sink sink);

/// The same for any number of operations: `make_sink` is called for each, from any thread.
ADAPIPE_API std::shared_ptr<const Stage> tee(std::function<Sink()> make_sink);

}  // namespace adapipe::inline v0_1
