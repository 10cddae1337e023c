#pragma once

#include <adapipe/report.hpp>
#include <adapipe/stage.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "container/record.hpp"
#include "memory/chunk_slot.hpp"

namespace adapipe::inline v0_1 {

/// Neighbouring steps that run in one go on one thread.
struct StepGroup {
  std::size_t first = 0;
  std::size_t last = 0;             ///< one past the end
  std::size_t max_concurrency = 0;  ///< 0: unlimited
};

/// The CPU work on a chunk. Forward: the stages in order, then sealing the record. Backward:
/// opening the record, then the stages in reverse. Immutable; holds the record keys.
class StageChain {
 public:
  /// `container` gives the limits that hostile records are held to (backward).
  StageChain(Direction direction, std::vector<std::shared_ptr<const Stage>> stages, RecordKeys keys,
             const Header& container);

  Direction direction() const noexcept { return direction_; }
  const std::vector<std::shared_ptr<const Stage>>& stages() const noexcept { return stages_; }
  const RecordKeys& keys() const noexcept { return keys_; }
  const Header& container() const noexcept { return container_; }
  /// Steps: one per stage and one for the record.
  std::size_t steps() const noexcept { return stages_.size() + 1; }
  /// At least one; a stage with a concurrency limit has a group of its own.
  const std::vector<StepGroup>& groups() const noexcept { return groups_; }

  /// The most bytes that go into stage `stage` (or into the record, for stages().size()) when the
  /// chunk has `plain_bytes` and the stages in `skipped` passed it through.
  std::size_t bound_bytes(std::size_t stage, std::size_t plain_bytes, std::uint16_t skipped) const;

  /// The most bytes that a record of a chunk of `plain_bytes` stores, whichever stages pass it
  /// through: beyond that a record is not of this container.
  std::size_t most_stored_bytes(std::size_t plain_bytes) const;

  /// Memory of a slot's buffers for chunks of up to `plain_bytes`, and of one worker.
  std::size_t slot_bytes(std::size_t plain_bytes) const;
  std::size_t worker_bytes(std::size_t plain_bytes) const;

  /// One entry per step, in the order in which they run, all zero.
  std::vector<StageReport> blank_report() const;

 private:
  Direction direction_;
  std::vector<std::shared_ptr<const Stage>> stages_;
  RecordKeys keys_;
  Header container_;
  std::vector<StepGroup> groups_;
};

/// One thread's state for a chain. Not thread-safe.
class ChainWorker {
 public:
  explicit ChainWorker(const StageChain& chain);

  /// Runs one group on the slot. Throws Error with chunk and stage; the slot's data is then of no
  /// use.
  void run(const StepGroup& group, ChunkSlot& slot);

  const std::vector<StageReport>& report() const noexcept { return report_; }

 private:
  void run_step(std::size_t step, ChunkSlot& slot);
  void run_stage(std::size_t stage, ChunkSlot& slot, StageReport& report);
  Outcome call_stage(std::size_t stage, std::size_t limit_bytes, ChunkSlot& slot);
  void seal(ChunkSlot& slot);
  void open(ChunkSlot& slot);

  const StageChain& chain_;
  std::vector<std::unique_ptr<StageWorker>> workers_;
  std::optional<RecordProtector> protector_;
  std::vector<StageReport> report_;
};

/// The workers of one operation: a thread leases the one it used last, so that it is warm and no
/// lock is shared. A nested call on the same thread finds that one leased and gets another.
/// Thread-safe.
class ChainWorkers {
 public:
  ChainWorkers(const StageChain& chain, std::size_t threads);
  ~ChainWorkers();

  class Lease {
   public:
    Lease(ChainWorkers& owner, std::size_t thread);
    ~Lease();
    Lease(const Lease&) = delete;
    ChainWorker& operator*() const noexcept { return *worker_; }
    ChainWorker* operator->() const noexcept { return worker_; }

   private:
    ChainWorkers& owner_;
    std::size_t thread_;
    ChainWorker* worker_;
  };

  /// Summed over all workers. Only while none is leased.
  std::vector<StageReport> report() const;

 private:
  struct alignas(64) Place {
    std::atomic<ChainWorker*> idle{nullptr};
  };

  const StageChain& chain_;
  std::vector<Place> places_;  // by thread
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<ChainWorker>> all_;
  std::vector<ChainWorker*> spare_;
};

}  // namespace adapipe::inline v0_1
