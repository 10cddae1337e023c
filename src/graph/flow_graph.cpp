#include "graph/flow_graph.hpp"

#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "graph/failure_latch.hpp"

namespace adapipe::inline v0_1 {

namespace flow = oneapi::tbb::flow;
static_assert(flow::unlimited == 0);  // as StepGroup::max_concurrency

FlowGraph::FlowGraph(const FlowParts& parts)
    : parts_(parts),
      chunks_(parts.producer.chunks()),
      free_slots_(static_cast<std::int64_t>(parts.slots.size())),
      sequence_(parts.producer.first_chunk()),
      write_strand_(parts.io),
      limiter_(graph_, parts.slots.size()) {
  const std::size_t readers = chunks_ ? std::min(parts.most_waiting_reads, parts.slots.size()) : 1;
  while (read_strands_.size() < readers) read_strands_.emplace_back(parts.io);
  try {
    connect();
  } catch (...) {
    graph_.wait_for_all();  // an edge from a node that buffers has a task look for what is there
    throw;
  }
}

void FlowGraph::connect() {
  for (const StepGroup& group : parts_.chain.groups()) {
    groups_.push_back(std::make_unique<GroupNodes>());
    connect_group(group, *groups_.back());
    if (groups_.size() > 1)
      flow::make_edge(groups_[groups_.size() - 2]->exit(), groups_.back()->entrance());
  }
  connect_input();
  connect_output(groups_.back()->exit());
}

void FlowGraph::connect_group(const StepGroup& group, GroupNodes& nodes) {
  if (group.may_wait) {
    nodes.strand.emplace(parts_.io);
    nodes.run_later.emplace(graph_, flow::serial,
                            [this, &group, &nodes](Slot slot, RunLater::gateway_type& gateway) {
                              run_group_later(group, *nodes.strand, slot, gateway);
                            });
  } else {
    nodes.run.emplace(graph_, group.max_concurrency, [this, &group](Slot slot) {
      run_group(group, *slot);
      return slot;
    });
  }
  if (!group.in_order) return;
  flow::receiver<Slot>& runs = nodes.entrance();
  nodes.sequencer.emplace(graph_, [](const Slot& slot) { return slot->sequence; });
  flow::make_edge(*nodes.sequencer, runs);
}

flow::receiver<FlowGraph::Slot>& FlowGraph::GroupNodes::entrance() {
  if (sequencer) return *sequencer;
  if (run) return *run;
  return *run_later;
}

flow::sender<FlowGraph::Slot>& FlowGraph::GroupNodes::exit() {
  if (run) return *run;
  return flow::output_port<0>(*run_later);
}

void FlowGraph::connect_input() {
  if (!chunks_) {
    read_next_.emplace(graph_, flow::unlimited,
                       [this](Claim, ReadNext::gateway_type& gateway) { read_next(gateway); });
    flow::make_edge(limiter_, *read_next_);
    flow::make_edge(*read_next_, groups_.front()->entrance());
    return;
  }
  // Port 0: the first group has run; port 1: the chunk has to be read where waiting is allowed.
  enter_.emplace(graph_, flow::unlimited,
                 [this](Claim, Enter::output_ports_type& ports) { enter(ports); });
  read_later_.emplace(graph_, flow::unlimited, [this](Slot slot, ReadLater::gateway_type& gateway) {
    read_later(slot, gateway);
  });
  flow::make_edge(limiter_, *enter_);
  flow::make_edge(flow::output_port<1>(*enter_), *read_later_);
  flow::make_edge(*read_later_, groups_.front()->entrance());
}

void FlowGraph::connect_output(flow::sender<Slot>& last_group) {
  std::vector<flow::sender<Slot>*> ends{&last_group};
  if (enter_) {
    // Where `enter` runs the first group, what leaves it goes where that group's output goes.
    auto& entered = flow::output_port<0>(*enter_);
    const std::size_t next = runs_on_entry() ? 1 : 0;
    if (next < groups_.size())
      flow::make_edge(entered, groups_[next]->entrance());
    else
      ends.push_back(&entered);
  }
  const auto connect = [&ends](flow::receiver<Slot>& to) {
    for (flow::sender<Slot>* end : ends) flow::make_edge(*end, to);
  };
  if (parts_.consumer.ordered()) {
    sequencer_.emplace(graph_, [](const Slot& slot) { return slot->sequence; });
    connect(*sequencer_);
    ends = {&*sequencer_};
  }
  if (parts_.consumer.sequential()) {
    // Serial and queueing: the bodies begin in the sequencer's order, and each hands its slot to
    // the strand before the next one begins. What a serial node *emits* could overtake.
    write_next_.emplace(graph_, flow::serial, [this](Slot slot, WriteNext::gateway_type& gateway) {
      write_next(slot, gateway);
    });
    connect(*write_next_);
    return;
  }
  if (parts_.consumer.ordered()) {
    place_.emplace(graph_, flow::serial, [this](Slot slot) {
      parts_.backlog.enter(Backlog::Clock::now());
      guarded(*slot, [&] { parts_.consumer.place(*slot); });
      return slot;
    });
    connect(*place_);
    ends = {&*place_};
  }
  write_.emplace(graph_, parts_.consumer.max_concurrent_writes(), [this](Slot slot) {
    if (!parts_.consumer.ordered()) parts_.backlog.enter(Backlog::Clock::now());
    write(*slot);
    retire(*slot);
    return flow::continue_msg();
  });
  connect(*write_);
}

void FlowGraph::activate() {
  claim_next();
  count_down();
}

void FlowGraph::wait() { graph_.wait_for_all(); }

void FlowGraph::claim_next() noexcept {
  if (free_slots_.fetch_sub(1, std::memory_order_acq_rel) > 0) put_claim();
}

void FlowGraph::put_claim() noexcept {
  if (parts_.control.failed() || input_ended_) return;
  if (chunks_ && sequence_ - parts_.producer.first_chunk() >= *chunks_) return;
  live_.fetch_add(1, std::memory_order_relaxed);
  try {
    limiter_.try_put(Claim());
  } catch (...) {
    parts_.control.fail(FailureLatch::current_exception_as_error(errc::resource_exhausted));
    count_down();
  }
}

void FlowGraph::enter(Enter::output_ports_type& ports) {
  ChunkSlot& slot = begin_chunk();
  claim_next();
  ReadResult result = ReadResult::filled;
  guarded(slot, [&] { result = read_chunk(parts_.producer, slot, false, parts_.watch); });
  if (result == ReadResult::would_wait && !slot.poisoned) {
    std::get<1>(ports).try_put(&slot);
    return;
  }
  if (runs_on_entry()) run_group(parts_.chain.groups().front(), slot);
  std::get<0>(ports).try_put(&slot);
}

ChunkSlot& FlowGraph::begin_chunk() {
  ChunkSlot& slot = parts_.slots.take();
  slot.restart(sequence_++);
  parts_.watch.chunk_begins();
  return slot;
}

bool FlowGraph::runs_on_entry() const noexcept {
  return parts_.chain.groups().front().max_concurrency == 0;
}

void FlowGraph::read_later(Slot slot, ReadLater::gateway_type& gateway) {
  Strand& strand = read_strands_[slot->sequence % read_strands_.size()];
  const auto post = [&strand](std::function<void()> job) { strand.post(std::move(job)); };
  on_io_thread(gateway, post, [this, slot, &gateway] {
    guarded(*slot, [&] { read_chunk(parts_.producer, *slot, true, parts_.watch); });
    gateway.try_put(slot);
  });
}

void FlowGraph::read_next(ReadNext::gateway_type& gateway) {
  claim_next();
  const auto post = [this](std::function<void()> job) {
    read_strands_.front().post(std::move(job));
  };
  on_io_thread(gateway, post, [this, &gateway] {
    ChunkSlot& slot = begin_chunk();
    bool filled = false;
    guarded(slot, [&] {
      if (!input_ended_) filled = read_next_chunk(parts_.producer, slot, parts_.watch);
    });
    if (!filled) {  // a claim beyond the end of the stream
      slot.poisoned = true;
      input_ended_ = true;
    }
    gateway.try_put(&slot);
  });
}

void FlowGraph::write_next(Slot slot, WriteNext::gateway_type& gateway) {
  parts_.backlog.enter(Backlog::Clock::now());
  const auto post = [this](std::function<void()> job) { write_strand_.post(std::move(job)); };
  on_io_thread(gateway, post, [this, slot] {
    guarded(*slot, [&] { parts_.consumer.place(*slot); });
    write(*slot);
    retire(*slot);
  });
}

template <typename Gateway, typename Post, typename Work>
void FlowGraph::on_io_thread(Gateway& gateway, Post&& post, Work work) {
  gateway.reserve_wait();
  const auto job = [&gateway, work] {
    work();
    gateway.release_wait();  // the graph may be gone from here on
  };
  try {
    post(job);
  } catch (...) {
    parts_.control.fail(FailureLatch::current_exception_as_error(errc::resource_exhausted));
    job();  // after a failure it only passes the slot on
  }
}

void FlowGraph::run_group(const StepGroup& group, ChunkSlot& slot) noexcept {
  guarded(slot, [&] {
    // A stage may wait for parallel work of its own; isolated, that wait cannot pick up another
    // chunk of ours on top of this one.
    oneapi::tbb::this_task_arena::isolate([&] {
      const auto thread = oneapi::tbb::this_task_arena::current_thread_index();
      const ChainWorkers::Lease worker(parts_.workers, static_cast<std::size_t>(thread));
      located(parts_.producer, slot, [&] { worker->run(group, slot); });
    });
  });
}

void FlowGraph::run_group_later(const StepGroup& group, Strand& strand, Slot slot,
                                RunLater::gateway_type& gateway) {
  const auto post = [&strand](std::function<void()> job) { strand.post(std::move(job)); };
  on_io_thread(gateway, post, [this, &group, slot, &gateway] {
    guarded(*slot, [&] {
      const ChainWorkers::Lease worker(parts_.workers, ChainWorkers::kOtherThread);
      located(parts_.producer, *slot, [&] { worker->run(group, *slot); });
    });
    gateway.try_put(slot);
  });
}

void FlowGraph::write(ChunkSlot& slot) noexcept {
  guarded(slot, [&] {
    write_chunk(parts_.consumer, slot, parts_.watch);
    parts_.control.chunk_done(slot);
  });
  parts_.backlog.leave(Backlog::Clock::now());
}

template <typename Work>
void FlowGraph::guarded(ChunkSlot& slot, Work&& work) noexcept {
  if (slot.poisoned || parts_.control.failed()) {
    slot.poisoned = true;
    return;
  }
  try {
    work();
  } catch (...) {
    slot.poisoned = true;
    Error error = FailureLatch::current_exception_as_error(errc::io_error);
    error.at_chunk(slot.sequence);
    parts_.control.fail(std::move(error));
  }
}

void FlowGraph::retire(ChunkSlot& slot) noexcept {
  parts_.watch.chunk_ends(slot);
  parts_.slots.give(slot);
  limiter_.decrementer().try_put(1);  // before the next claim, so that none is ever refused
  if (free_slots_.fetch_add(1, std::memory_order_acq_rel) < 0) put_claim();
  count_down();
}

void FlowGraph::count_down() noexcept {
  if (live_.fetch_sub(1, std::memory_order_acq_rel) == 1) parts_.control.drained();
}

}  // namespace adapipe::inline v0_1
