#pragma once

#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

#include "graph/parts.hpp"
#include "graph/stage_chain.hpp"

namespace adapipe::inline v0_1 {

/// Gives what is stored, chunk by chunk, with the chain that makes plain bytes of it: a container,
/// or another file that can be restored.
class StoredReader : public Producer {
 public:
  explicit StoredReader(StageChain chain) : chain_(std::move(chain)) {}

  const StageChain& chain() const noexcept { return chain_; }
  /// The biggest chunk there can be, in plain bytes.
  virtual std::size_t largest_chunk_bytes() const = 0;
  /// Plain bytes in all, if the input says so.
  virtual std::optional<std::uint64_t> plain_bytes() const = 0;
  /// Whether that is more than a claim, for which nothing should be reserved.
  virtual bool plain_bytes_are_certain() const = 0;
  /// The key slot that opened the container, if there is one.
  virtual std::optional<std::uint16_t> slot_type() const { return std::nullopt; }

  struct Totals {
    std::uint64_t chunks;
    std::uint64_t plain_bytes;
    std::uint64_t stored_bytes;  ///< of the whole input
  };
  /// After the last chunk: checks what stands behind it, and says what there was.
  virtual Totals finish() = 0;

 private:
  const StageChain chain_;
};

/// Where a chunk is stored and what it becomes.
struct StoredChunk {
  std::uint64_t offset;  ///< in the input
  std::uint64_t bytes;   ///< from there on, whatever stands around the data included
  std::uint64_t plain_offset;
  std::uint32_t plain_bytes;
};

/// Reads chunks whose places are known: any one, on any thread. Borrows the source.
class IndexedReader : public StoredReader {
 public:
  IndexedReader(PositionalSourceImpl& source, StageChain chain, std::stop_token stop)
      : StoredReader(std::move(chain)), source_(source), stop_(std::move(stop)) {}

  /// `number` is below chunks().
  virtual StoredChunk chunk(std::uint64_t number) const noexcept = 0;
  virtual std::uint64_t plain_total() const noexcept = 0;

  std::size_t largest_chunk_bytes() const override;
  std::optional<std::uint64_t> plain_bytes() const override { return plain_total(); }
  ReadResult read(ChunkSlot& slot, bool may_wait) override { return read_chunk(slot, may_wait); }
  bool next(ChunkSlot&) override { return false; }
  void locate(Error& error, const ChunkSlot& slot) const override;
  Totals finish() override;

  /// read(), which changes nothing here. Thread-safe.
  ReadResult read_chunk(ChunkSlot& slot, bool may_wait) const;
  /// The chunk that holds plain byte `plain_offset`, which must be below plain_total().
  std::uint64_t chunk_at(std::uint64_t plain_offset) const noexcept;

 protected:
  /// Makes room in the front buffer for all of the chunk, once it is sure that it may be so large.
  virtual std::span<std::byte> make_room(ChunkSlot& slot, const StoredChunk& chunk) const = 0;
  /// All of it is in slot.data: checks what can be checked, and says its sizes in the slot.
  virtual void accept(ChunkSlot& slot, const StoredChunk& chunk) const = 0;

 private:
  PositionalSourceImpl& source_;
  const std::stop_token stop_;
};

}  // namespace adapipe::inline v0_1
