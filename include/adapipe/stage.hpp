#pragma once

#include <adapipe/chunk.hpp>
#include <adapipe/export.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

/// forward: plain towards stored (compress). backward: stored towards plain (decompress).
enum class Direction : std::uint8_t { forward, backward };

/// What a stage did with a chunk. `unchanged` means that the input goes on as it is; an
/// adapipe container records it, and restoring skips the stage for that chunk.
enum class Outcome : std::uint8_t { changed, unchanged };

/// What the container records of a stage, so that restoring can make it again.
struct StageInfo {
  std::string id;                       ///< 1 .. 255 bytes, reverse-domain: "org.example.xor"
  std::vector<std::byte> parameters{};  ///< handed to the registered factory when restoring
};

/// The state one thread needs to run a stage in one direction (a codec context, say). Made by
/// Stage::make_worker, used by one thread at a time, destroyed when the operation ends.
class ADAPIPE_API StageWorker {
 public:
  virtual ~StageWorker();

  /// Transforms one chunk. `in` is not empty and stays valid during the call; `out` is empty and
  /// grants Stage::max_output_bytes(in.size()) bytes (backward: what the stages before this one
  /// could have made of ChunkInfo::plain_bytes). Returning Outcome::unchanged discards `out`.
  /// Anything it throws fails the operation: an Error keeps its kind, anything else becomes
  /// stage_failed, both with chunk and stage. Backward, `in` is authentic if the container is
  /// encrypted, but hostile otherwise: check it.
  virtual Outcome run(const ChunkInfo& chunk, std::span<const std::byte> in, Buffer& out) = 0;
};

/// An immutable description of a step, shared by all threads. All functions are thread-safe.
class ADAPIPE_API Stage {
 public:
  virtual ~Stage();

  virtual StageInfo info() const = 0;

  /// Called once per thread and direction, on the thread that will use it first.
  virtual std::unique_ptr<StageWorker> make_worker(Direction direction) const = 0;

  /// The most bytes that running forward may make of `input_bytes`; of more bytes not less, since
  /// restoring grants what follows from the size of the chunk. Default: `input_bytes`.
  virtual std::size_t max_output_bytes(std::size_t input_bytes) const;

  /// Memory one worker holds besides buffers, in bytes, if up to `chunk_bytes` of a chunk go into
  /// the stage (backward: come out of it): counted against the byte budget. Default: 0.
  virtual std::size_t worker_bytes(Direction direction, std::size_t chunk_bytes) const;

  /// The most threads that run this stage at once within an operation; 0 (default): as many as
  /// there are. Operations are not counted together, and a Reader counts none: it decodes chunks
  /// one by one on each thread that reads, and on workers ahead of them.
  virtual std::size_t max_concurrency() const;

  /// true: Direction::forward, StageWorker::run is called for chunk after chunk in the order of the
  /// stream, one at a time, by whichever thread has the chunk, with that thread's worker. Backward
  /// there is no order, as containers are read at any place. Default: false.
  virtual bool in_order() const;

  /// false for a stage that cannot be undone; Pipeline::Builder refuses it except in
  /// Container::none.
  virtual bool reversible() const;
};

}  // namespace adapipe::inline v0_1
