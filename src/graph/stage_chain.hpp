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
#include "observe/operation_watch.hpp"

namespace adapipe::inline v0_1 {

/// Neighbouring steps that run in one go on one thread.
struct StepGroup {
  std::size_t first = 0;
  std::size_t last = 0;             ///< one past the end
  std::size_t max_concurrency = 0;  ///< 0: unlimited
  bool in_order = false;            ///< chunk after chunk, one at a time
  bool may_wait = false;            ///< to be run where waiting is allowed; implies in_order
};

/// How a chunk stands in an adapipe container: as a record.
struct RecordFraming {
  RecordKeys keys;
  Header container;  ///< gives the limits that hostile records are held to (backward)
};

/// The CPU work on a chunk. Forward: the stages in order, taps among them, then sealing the
/// record. Backward: opening the record, then the stages in reverse. Without a framing there is no
/// record: forward, what the last stage made is what is stored; backward, slot.data holds it, and
/// slot.plain_bytes, stored_bytes and skipped say what a record would. Immutable; holds the record
/// keys.
class StageChain {
 public:
  StageChain(Direction direction, std::vector<std::shared_ptr<const Stage>> stages, RecordKeys keys,
             const Header& container);
  /// Without a framing.
  StageChain(Direction direction, std::vector<std::shared_ptr<const Stage>> stages);

  Direction direction() const noexcept { return direction_; }
  const std::vector<std::shared_ptr<const Stage>>& stages() const noexcept { return stages_; }
  const std::optional<RecordFraming>& framing() const noexcept { return framing_; }
  /// Steps: one per stage and one for the record, if there is one.
  std::size_t steps() const noexcept { return stages_.size() + (framing_ ? 1 : 0); }
  /// At least one, which is empty if there are no steps; a stage with a concurrency limit has a
  /// group of its own.
  const std::vector<StepGroup>& groups() const noexcept { return groups_; }

  /// Which bit of ChunkSlot::skipped is a stage's; empty: a tap's, which has none. Backward
  /// there are none, and a stage's bit is its number.
  std::optional<unsigned> skip_bit(std::size_t stage) const { return skip_bits_[stage]; }

  /// The most bytes that go into stage `stage` (or come out of the last, for stages().size()) when
  /// the chunk has `plain_bytes` and the stages in `skipped` passed it through.
  std::size_t bound_bytes(std::size_t stage, std::size_t plain_bytes, std::uint16_t skipped) const;

  /// The most bytes that are stored of a chunk of `plain_bytes`, whichever stages pass it through:
  /// beyond that it is not of this container. ChunkSlot::stored_bytes says how many there are.
  std::size_t most_stored_bytes(std::size_t plain_bytes) const;
  /// What stands before them in the container.
  std::size_t record_header_bytes() const noexcept {
    return framing_ ? layout::kRecordHeaderBytes : 0;
  }

  /// Memory of a slot's buffers for chunks of up to `plain_bytes`, and of one worker.
  std::size_t slot_bytes(std::size_t plain_bytes) const;
  std::size_t worker_bytes(std::size_t plain_bytes) const;

  /// One entry per step, in the order in which they run, all zero.
  std::vector<StageReport> blank_report() const;
  /// Tells the watch which steps there are.
  void introduce_to(OperationWatch& watch) const;

 private:
  StageChain(Direction direction, std::vector<std::shared_ptr<const Stage>> stages,
             std::optional<RecordFraming> framing);

  Direction direction_;
  std::vector<std::shared_ptr<const Stage>> stages_;
  std::optional<RecordFraming> framing_;
  std::vector<std::optional<unsigned>> skip_bits_;  // by stage
  std::vector<StepGroup> groups_;
};

/// One thread's state for a chain. Not thread-safe.
class ChainWorker {
 public:
  /// `watch` outlives it; nullptr: nobody watches.
  explicit ChainWorker(const StageChain& chain, OperationWatch* watch = nullptr);

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
  OperationWatch* const watch_;
  std::vector<std::unique_ptr<StageWorker>> workers_;
  std::optional<RecordProtector> protector_;
  std::vector<StageReport> report_;
};

/// The workers of one operation: a thread leases the one it used last, so that it is warm and no
/// lock is shared. A nested call on the same thread finds that one leased and gets another.
/// Thread-safe.
class ChainWorkers {
 public:
  ChainWorkers(const StageChain& chain, std::size_t threads, OperationWatch* watch = nullptr);
  ~ChainWorkers();

  /// Of a thread that is none of those that the workers are for.
  static constexpr std::size_t kOtherThread = SIZE_MAX;

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
  OperationWatch* const watch_;
  std::vector<Place> places_;  // by thread
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<ChainWorker>> all_;
  std::vector<ChainWorker*> spare_;
};

}  // namespace adapipe::inline v0_1
