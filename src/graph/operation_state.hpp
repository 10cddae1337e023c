#pragma once

#include <adapipe/error.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/report.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "graph/chunk_cost.hpp"
#include "graph/continuation_runner.hpp"
#include "graph/failure_latch.hpp"
#include "graph/flow_graph.hpp"
#include "graph/job.hpp"
#include "graph/progress_meter.hpp"
#include "graph/run_control.hpp"
#include "graph/runtime_impl.hpp"
#include "graph/serial_runner.hpp"
#include "graph/worker_arena.hpp"
#include "graph/worker_condition.hpp"

namespace adapipe::inline v0_1 {

struct StartOptions {
  std::stop_token stop{};
  std::function<void(const Progress&)> on_progress{};
  std::size_t max_in_flight = 0;
  bool may_queue = true;  ///< false: Error(resource_exhausted) if there is no room at once
};

/// The life of one operation:
///
///     place among the operations (FIFO) -> prepare (I/O thread) -> memory (FIFO)
///       -> graph (workers) -> finish, then commit; or abandon (I/O thread) -> done
///
/// The drained graph itself is taken down by a worker, at any time after that.
/// Invariants: each step begins after the one before it has ended; fail() may come at any moment,
/// from any thread, and leads to `done` by the shortest way. Before `done` is signalled, the slots,
/// the budget and the place have been given back, and everything of the caller's (source, sink,
/// stages, callback) has been let go. Continuations are handed over after that; the state is not
/// touched again, since they may let go of the Operation and of the Runtime. The Operation handle
/// keeps the Runtime alive until then.
class OperationState final : public RunControl,
                             public std::enable_shared_from_this<OperationState> {
 public:
  OperationState(RuntimeImpl& runtime, std::unique_ptr<Job> job, StartOptions options);
  ~OperationState() override;

  /// Starts a job on the runtime's threads; with a serial one, runs it here before returning.
  static Operation start(const Runtime& runtime, std::unique_ptr<Job> job, StartOptions options);
  /// As start(). On a thread of this runtime the job runs serially, in place: waiting there could
  /// be waiting for oneself.
  static Operation start_to_wait(const Runtime& runtime, std::unique_ptr<Job> job,
                                 StartOptions options);
  /// Starts so, and waits.
  static Report run(const Runtime& runtime, std::unique_ptr<Job> job, StartOptions options);

  /// For who feeds the job chunk by chunk. It runs in the background; where there are no threads
  /// that could be waited for, as in run(), it runs in advance().
  struct Begun {
    Operation operation;
    std::shared_ptr<OperationState> state;
    bool runs_in_place;
  };
  static Begun begin(const Runtime& runtime, std::unique_ptr<Job> job, StartOptions options);
  /// Only in place: runs the next chunk. false: there was none, or it has failed; then it is done.
  bool advance();
  /// Plain bytes that the chunks being made can hold; 0 if there was no memory to be had for them.
  std::size_t largest_chunk_bytes() const noexcept { return chunk_bytes_; }
  /// Waits until so many bytes are with the sink; false if it failed before.
  bool wait_until_written(std::uint64_t plain_bytes) const;
  /// Only while chunks can be run: within one, or by who advances it.
  void sync_sink() { job_->sync(); }

  /// No lock is taken by this and by error(): they may be asked in a child of fork().
  bool done() const noexcept { return done_.load(std::memory_order_acquire); }
  /// On a worker of this runtime, which may be the only one, it runs other tasks meanwhile.
  void wait() const;
  bool wait_for(std::chrono::nanoseconds timeout) const;
  /// `continuation` runs once it is done, as the last thing that is done for it. Throws
  /// Error(resource_exhausted); it was not taken then.
  void on_done(std::function<void()> continuation);
  /// `told` is called once `operation` is done, on the thread that ends it, or at once if it is. It
  /// must neither throw nor wait. Once for each operation: for who waits for several of them where
  /// nobody else may be there to run what on_done() is given.
  static void tell_when_done(const Operation& operation, std::function<void()> told);
  void cancel() noexcept;
  Progress progress() const noexcept { return meter_.now(); }
  const Error* error() const noexcept { return done() && error_ ? &*error_ : nullptr; }
  Report get() const;
  /// As get(), once: takes no memory after the commit.
  Report take();

  bool failed() const noexcept override { return latch_.failed(); }
  void fail(Error error) noexcept override;
  void chunk_done(const ChunkSlot& slot) override;
  void drained() noexcept override;

 private:
  using Step = void (OperationState::*)();

  void start_in_background();
  void begin_in_place();
  void run_in_place();
  void prepare();
  void ask_for_memory();
  void measure_need();
  void build_graph();
  void run_graph() noexcept;
  void finish();
  void complete() noexcept;

  /// Runs `step` where waiting is allowed; here, if no thread can be had.
  void on_io_thread(Step step) noexcept;
  void queue_at(FifoGate& gate, FifoGate::Take take, std::size_t& held, Step then);
  void leave_queue() noexcept;

  RuntimeImpl& runtime_;
  std::optional<MemoryAccount> account_;
  std::mutex job_mutex_;  // guards job_ against fail(), which may come at any time
  std::unique_ptr<Job> job_;
  const std::stop_token stop_;
  const std::size_t max_in_flight_;  // 0: the default
  const bool may_queue_;
  const std::chrono::steady_clock::time_point started_;
  FailureLatch latch_;
  ProgressMeter meter_;
  OperationWatch watch_;

  std::size_t held_places_ = 0;
  std::size_t held_bytes_ = 0;
  std::size_t max_slots_ = 0;
  std::size_t chunk_bytes_ = 0;
  ChunkCost cost_;
  std::size_t list_bytes_ = 0;  // of the budget, on top of what the chunks take
  std::unique_ptr<SlotPool> slots_;
  std::unique_ptr<ChainWorkers> workers_;
  std::optional<SerialRunner> serial_;  // in place of a graph
  std::unique_ptr<FlowGraph> graph_;    // once drained, only the task that takes it down has it
  WorkerArena::Prepared take_down_;     // that task; there may be no memory for it later

  mutable std::mutex mutex_;  // guards what follows
  FifoGate* queued_at_ = nullptr;
  std::atomic<bool> done_{false};
  Report report_;  // written before done_, read after, as is error_
  std::optional<Error> error_;
  mutable std::atomic<bool> writes_are_awaited_{false};
  mutable WorkerCondition changed_;  // done_, and what wait_until_written() looks at
  Continuations continuations_;
  std::function<void()> told_;

  // Last: its destructor waits for a callback that runs.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace adapipe::inline v0_1
