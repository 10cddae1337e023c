#include "observe/operation_watch.hpp"

#include <algorithm>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

OperationWatch::OperationWatch(Counters& counters, OperationKind kind) noexcept
    : counters_(counters), kind_(kind), number_(counters.next_operation()) {}

void OperationWatch::set_stages(Direction direction, std::vector<std::string> names) {
  steps_.clear();
  for (std::string& name : names) {
    Sharded<StepCounts>& counts = counters_.step(Step::stage, direction, name);
    steps_.push_back({Step::stage, std::move(name), &counts});
  }
  for (const Step step : {Step::read, Step::write})
    steps_.push_back({step, {}, &counters_.step(step, direction, {})});
}

void OperationWatch::started() noexcept {
  started_ = Clock::now();
  counters_.operations(kind_).started.fetch_add(1);
  if (Observer* const observer = counters_.observer()) observer->operation_started(number_, kind_);
}

void OperationWatch::ended(const Error* error) noexcept {
  if (Observer* const observer = counters_.observer()) observer->operation_ended(number_, error);
  OperationCounts& counts = counters_.operations(kind_);
  counts.time.add(Clock::now() - started_);
  if (!error) {
    counts.succeeded.fetch_add(1);
    return;
  }
  // A host's own Error may be of a kind that there is not.
  const std::size_t kind = static_cast<std::size_t>(error->kind()) - 1;
  counts.failed[std::min(kind, kErrcCount - 1)].fetch_add(1);
}

void OperationWatch::waited_for_place(std::chrono::nanoseconds time) noexcept {
  counters_.place_wait().add(time);
}

void OperationWatch::waited_for_memory(std::chrono::nanoseconds time) noexcept {
  counters_.memory_wait().add(time);
}

void OperationWatch::chunk_begins() noexcept {
  counters_.chunks().mine().begun.fetch_add(1, kRelaxed);
}

void OperationWatch::chunk_ends(const ChunkSlot& slot) noexcept {
  ChunkCounts& counts = counters_.chunks().mine();
  if (!slot.poisoned) counts.time.add(slot.ready_at - slot.begun_at);
  counts.ended.fetch_add(1, std::memory_order_release);
}

void OperationWatch::was_read(ChunkSlot& slot, Span span) noexcept {
  step_ended(steps_[steps_.size() - 2], slot, slot.data.size(), span);
}

void OperationWatch::was_staged(ChunkSlot& slot, std::size_t stage, std::size_t bytes_in,
                                Span span) noexcept {
  step_ended(steps_[stage], slot, bytes_in, span);
}

void OperationWatch::was_written(ChunkSlot& slot, Span span) noexcept {
  step_ended(steps_.back(), slot, slot.data.size(), span);
}

void OperationWatch::step_ended(const StepKind& kind, ChunkSlot& slot, std::size_t bytes_in,
                                const Span& span) noexcept {
  StepCounts& counts = kind.counts->mine();
  counts.bytes_in.fetch_add(bytes_in, kRelaxed);
  counts.bytes_out.fetch_add(slot.data.size(), kRelaxed);
  counts.time.add(span.ended - span.began);
  counts.wait.add(span.began - slot.ready_at);
  if (Observer* const observer = counters_.observer())
    observer->step_ended({.operation = number_,
                          .chunk = slot.sequence,
                          .step = kind.step,
                          .stage = kind.stage,
                          .bytes_in = bytes_in,
                          .bytes_out = slot.data.size(),
                          .ready = slot.ready_at,
                          .began = span.began,
                          .ended = span.ended});
  slot.ready_at = span.ended;
}

}  // namespace adapipe::inline v0_1
