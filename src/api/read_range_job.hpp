#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "api/container_access.hpp"
#include "graph/job.hpp"
#include "graph/stored_reader.hpp"

namespace adapipe::inline v0_1 {

/// What was opened for random access. Immutable then, so that any number of threads and operations
/// read from it.
struct ReadableContainer {
  OpenSource source{};
  IndexedInput input{};
};

/// Some chunks in a row, by their numbers in the container.
struct ChunkRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// Reader::start_read(): the chunks of a range, in parallel, each put where it belongs in `to`.
class ReadRangeJob final : public Job {
 public:
  /// `to` gets the plain bytes from `offset_bytes`, all of which are in `range`.
  ReadRangeJob(std::shared_ptr<const ReadableContainer> container, ChunkRange range,
               std::uint64_t offset_bytes, std::span<std::byte> to);

  OperationKind kind() const noexcept override { return OperationKind::read; }
  void prepare(std::size_t, MemoryAccount&) override {}
  Producer& producer() override { return chunks_; }
  const StageChain& chain() const override { return reader().chain(); }
  Consumer& consumer() override { return copier_; }
  std::size_t largest_chunk_bytes() const override;
  std::optional<std::uint64_t> plain_bytes() const override;
  void finish() override;
  void fill(Report& report) const noexcept override;

 private:
  class Chunks final : public Producer {
   public:
    Chunks(const IndexedReader& reader, ChunkRange range) : reader_(reader), range_(range) {}
    std::uint64_t first_chunk() const noexcept override { return range_.first; }
    std::optional<std::uint64_t> chunks() const noexcept override { return range_.count; }
    ReadResult read(ChunkSlot& slot, bool may_wait) override {
      return reader_.read_chunk(slot, may_wait);
    }
    bool next(ChunkSlot&) override { return false; }
    void locate(Error& error, const ChunkSlot& slot) const override { reader_.locate(error, slot); }

   private:
    const IndexedReader& reader_;
    const ChunkRange range_;
  };

  class Copier final : public Consumer {
   public:
    Copier(std::uint64_t offset_bytes, std::span<std::byte> to)
        : offset_bytes_(offset_bytes), to_(to) {}
    bool ordered() const noexcept override { return false; }
    bool sequential() const noexcept override { return false; }
    std::size_t max_concurrent_writes() const noexcept override { return 0; }
    void place(ChunkSlot&) override {}
    void write(ChunkSlot& slot) override;
    void locate(Error&, const ChunkSlot&) const override {}  // copying does not fail
    std::uint64_t copied_bytes() const noexcept { return copied_bytes_; }

   private:
    const std::uint64_t offset_bytes_;
    const std::span<std::byte> to_;
    std::atomic<std::uint64_t> copied_bytes_{0};
  };

  const IndexedReader& reader() const noexcept { return *container_->input.reader; }

  const std::shared_ptr<const ReadableContainer> container_;
  const ChunkRange range_;
  const std::span<std::byte> to_;
  Chunks chunks_;
  Copier copier_;
};

}  // namespace adapipe::inline v0_1
