#pragma once

#include <oneapi/tbb/flow_graph.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "graph/parts.hpp"
#include "graph/run_control.hpp"
#include "graph/stage_chain.hpp"
#include "io/executor.hpp"
#include "memory/chunk_slot.hpp"
#include "observe/operation_watch.hpp"
#include "util/backlog.hpp"

namespace adapipe::inline v0_1 {

/// The parts that one operation consists of. They outlive the graph.
struct FlowParts {
  Producer& producer;
  const StageChain& chain;
  Consumer& consumer;
  SlotPool& slots;
  ChainWorkers& workers;
  IoExecutor& io;
  std::size_t most_waiting_reads;  ///< threads that may wait in the producer at once
  Backlog& backlog;
  RunControl& control;
  OperationWatch& watch;
};

/// One operation's chunks on their way through a oneTBB flow graph:
///
///     limiter -> enter -----------> first -> more groups -> [sequencer -> place] -> write
///      ^   ^      | \-> read_later -/                                                 |
///      |   \------/     (a stream: read_next)                                         |
///      |  next claim                                                                  |
///      \----------------- 1 back, and the next claim if it waits for it ---------------/
///
/// A group that runs in order has a sequencer before it, and its bodies begin one after the other;
/// one that may wait hands its chunks to a strand of I/O threads.
///
/// `enter` reads in place and runs the first group in one go, as long as nothing has to wait and
/// the group has no limit. Claims are made one at a time: each makes the next before it does
/// anything else, so that an idle worker finds it, but its own thread finishes the chunk that it
/// has first. So few slots are in use at once, and warm ones.
///
/// Invariants:
/// - every claim takes exactly one slot and, when it does, the next sequence number (from the
///   producer's first, without a gap), and reaches the end, as data or as poison: nothing is ever
///   dropped;
/// - chunks are numbered as they are claimed, so while a sequencer holds one back, all those before
///   it are in other slots and on their way: it never waits for a claim that needs a slot;
/// - at most slots.size() claims are past the limiter, so SlotPool::take never finds it empty, and
///   the limiter never refuses one: free_slots_ counts with it, and is -1 while the next claim
///   waits for a slot to come back;
/// - no body throws: what goes wrong inside lands in control.fail();
/// - no edge ever changes its direction, as oneTBB has them do where a node refuses a message: that
///   takes memory, and an exception within oneTBB would drop the message;
/// - live_ = 1 until activate() is through, + claims under way. Whoever brings it to zero calls
///   control.drained(), exactly once. From then on no body uses the parts but `control`: what is
///   left in the graph is oneTBB's own, and wait() and destruction may come any time later.
///
/// Constructed, activated and waited for inside the arena whose workers are to run it.
class FlowGraph {
 public:
  explicit FlowGraph(const FlowParts& parts);
  FlowGraph(const FlowGraph&) = delete;

  /// Starts; once it returns, the graph may be gone.
  void activate();

  /// After drained(): until the last task has left the graph. It may be destroyed then.
  void wait();

 private:
  using Claim = oneapi::tbb::flow::continue_msg;
  using Slot = ChunkSlot*;
  using Enter = oneapi::tbb::flow::multifunction_node<Claim, std::tuple<Slot, Slot>>;
  using Group = oneapi::tbb::flow::function_node<Slot, Slot>;
  using RunLater = oneapi::tbb::flow::async_node<Slot, Slot, oneapi::tbb::flow::queueing>;
  using ReadLater = oneapi::tbb::flow::async_node<Slot, Slot>;
  using ReadNext = oneapi::tbb::flow::async_node<Claim, Slot>;
  using Write = oneapi::tbb::flow::function_node<Slot>;
  using WriteNext = oneapi::tbb::flow::async_node<Slot, oneapi::tbb::flow::continue_msg,
                                                  oneapi::tbb::flow::queueing>;

  /// Of one group, from front to back.
  struct GroupNodes {
    oneapi::tbb::flow::receiver<Slot>& entrance();
    oneapi::tbb::flow::sender<Slot>& exit();

    std::optional<oneapi::tbb::flow::sequencer_node<Slot>> sequencer;  // if it runs in order
    std::optional<Group> run;
    std::optional<RunLater> run_later;  // in place of that, if it may wait,
    std::optional<Strand> strand;       // and where
  };

  void connect();
  void connect_group(const StepGroup& group, GroupNodes& nodes);
  void connect_input();
  void connect_output(oneapi::tbb::flow::sender<Slot>& last_group);

  /// Makes the next claim, if there is a slot for it; else retire() will.
  void claim_next() noexcept;
  void put_claim() noexcept;
  /// Whether `enter` runs the first group: only its own node can hold a group to a limit.
  bool runs_on_entry() const noexcept;
  void enter(Enter::output_ports_type& ports);
  ChunkSlot& begin_chunk();
  void read_later(Slot slot, ReadLater::gateway_type& gateway);
  void read_next(ReadNext::gateway_type& gateway);
  void run_group(const StepGroup& group, ChunkSlot& slot) noexcept;
  void run_group_later(const StepGroup& group, Strand& strand, Slot slot,
                       RunLater::gateway_type& gateway);
  void write(ChunkSlot& slot) noexcept;
  void write_next(Slot slot, WriteNext::gateway_type& gateway);

  /// Runs `work`, which must not throw, on an I/O thread by way of `post`; the graph waits for it.
  template <typename Gateway, typename Post, typename Work>
  void on_io_thread(Gateway& gateway, Post&& post, Work work);
  /// Runs `work` unless the slot or the operation has failed; poisons the slot if it throws.
  template <typename Work>
  void guarded(ChunkSlot& slot, Work&& work) noexcept;
  /// The slot is back in the pool and its claim counted out.
  void retire(ChunkSlot& slot) noexcept;
  void count_down() noexcept;

  FlowParts parts_;
  const std::optional<std::uint64_t> chunks_;
  std::atomic<std::int64_t> live_{1};
  std::atomic<std::int64_t> free_slots_;
  std::atomic<bool> input_ended_{false};
  // Of the next chunk; used by `enter` before it makes the next claim, or by the strand that reads
  // a stream and, where there is no memory for a job of it, by whoever runs that in its place.
  std::atomic<std::uint64_t> sequence_;

  std::deque<Strand> read_strands_;  // one for a stream
  Strand write_strand_;

  oneapi::tbb::flow::graph graph_;
  oneapi::tbb::flow::limiter_node<Claim, int> limiter_;
  std::optional<Enter> enter_;
  std::optional<ReadLater> read_later_;
  std::optional<ReadNext> read_next_;
  std::vector<std::unique_ptr<GroupNodes>> groups_;
  std::optional<oneapi::tbb::flow::sequencer_node<Slot>> sequencer_;
  std::optional<Group> place_;
  std::optional<Write> write_;
  std::optional<WriteNext> write_next_;
};

}  // namespace adapipe::inline v0_1
