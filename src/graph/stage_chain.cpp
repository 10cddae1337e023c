#include "graph/stage_chain.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "container/index.hpp"
#include "graph/failure_latch.hpp"
#include "graph/tap.hpp"
#include "memory/buffer_access.hpp"

namespace adapipe::inline v0_1 {

static_assert(layout::kRecordHeaderBytes <= BufferAccess::kHeadroomBytes);
static_assert(layout::kTagBytes <= BufferAccess::kTailroomBytes &&
              layout::kCheckBytes <= BufferAccess::kTailroomBytes);

namespace {

bool is_skipped(std::uint16_t skipped, std::size_t stage) { return (skipped >> stage & 1u) != 0; }

/// What a stage says that it makes or needs, if sums of it cannot overflow.
std::size_t checked(std::size_t bytes, const Stage& stage, const char* function) {
  if (bytes <= SIZE_MAX >> 16) return bytes;
  throw Error(errc::limit_exceeded, std::string(function) + "() says " + std::to_string(bytes) +
                                        " bytes, more than there can be")
      .in_stage(stage.info().id);
}

std::size_t most_output_bytes(const Stage& stage, std::size_t input_bytes) {
  return checked(stage.max_output_bytes(input_bytes), stage, "max_output_bytes");
}

StepGroup lone_step(const Stage& stage, Direction direction) {
  StepGroup step{.max_concurrency = stage.max_concurrency()};
  if (direction == Direction::backward || !stage.in_order()) return step;
  const Tap* const tap = as_tap(stage);
  return {.max_concurrency = 1, .in_order = true, .may_wait = tap && tap->may_wait()};
}

/// Steps in the order in which they run; one with a limit stands alone.
std::vector<StepGroup> group_steps(const std::vector<StepGroup>& steps) {
  if (steps.empty()) return {StepGroup()};
  std::vector<StepGroup> groups;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (groups.empty() || steps[i].max_concurrency != 0 || groups.back().max_concurrency != 0) {
      groups.push_back(steps[i]);
      groups.back().first = i;
    }
    groups.back().last = i + 1;
  }
  return groups;
}

}  // namespace

StageChain::StageChain(Direction direction, std::vector<std::shared_ptr<const Stage>> stages,
                       std::optional<RecordFraming> framing)
    : direction_(direction), stages_(std::move(stages)), framing_(std::move(framing)) {
  std::vector<StepGroup> lone_steps;
  unsigned recorded = 0;
  for (const auto& stage : stages_) {
    lone_steps.push_back(lone_step(*stage, direction_));
    skip_bits_.push_back(as_tap(*stage) ? std::nullopt : std::optional(recorded++));
  }
  if (framing_) lone_steps.emplace_back();  // the record
  if (direction_ == Direction::backward) std::reverse(lone_steps.begin(), lone_steps.end());
  groups_ = group_steps(lone_steps);
}

StageChain::StageChain(Direction direction, std::vector<std::shared_ptr<const Stage>> stages,
                       RecordKeys keys, const Header& container)
    : StageChain(direction, std::move(stages),
                 std::optional(RecordFraming{std::move(keys), container})) {}

StageChain::StageChain(Direction direction, std::vector<std::shared_ptr<const Stage>> stages)
    : StageChain(direction, std::move(stages), std::nullopt) {}

std::size_t StageChain::bound_bytes(std::size_t stage, std::size_t plain_bytes,
                                    std::uint16_t skipped) const {
  std::size_t bound = plain_bytes;
  for (std::size_t i = 0; i < stage; ++i)
    if (const auto bit = skip_bits_[i]; !bit || !is_skipped(skipped, *bit))
      bound = most_output_bytes(*stages_[i], bound);
  return bound;
}

std::size_t StageChain::most_stored_bytes(std::size_t plain_bytes) const {
  std::size_t most = plain_bytes;
  for (const auto& stage : stages_) most = std::max(most, most_output_bytes(*stage, most));
  return most + (framing_ ? framing_->keys.overhead_bytes() : 0);
}

std::size_t StageChain::slot_bytes(std::size_t plain_bytes) const {
  constexpr std::size_t kRoom = BufferAccess::kHeadroomBytes + BufferAccess::kTailroomBytes + 4096;
  const std::size_t buffers = stages_.empty() ? 1 : 2;
  return buffers * (most_stored_bytes(plain_bytes) + kRoom);
}

std::size_t StageChain::worker_bytes(std::size_t plain_bytes) const {
  std::size_t bytes = 0;
  std::size_t most = plain_bytes;  // in front of the stage: those before it may have made more
  for (const auto& stage : stages_) {
    bytes += checked(stage->worker_bytes(direction_, most), *stage, "worker_bytes");
    most = std::max(most, most_output_bytes(*stage, most));
  }
  return bytes;
}

std::vector<StageReport> StageChain::blank_report() const {
  std::vector<StageReport> report;
  for (const auto& stage : stages_) report.push_back({.name = stage->info().id});
  if (framing_) {
    const RecordKeys& keys = framing_->keys;
    report.push_back({.name = keys.integrity == Integrity::aead ? keys.cipher->name() : "XXH3-64"});
  }
  if (direction_ == Direction::backward) std::reverse(report.begin(), report.end());
  return report;
}

void StageChain::introduce_to(OperationWatch& watch) const {
  std::vector<std::string> names;
  for (StageReport& step : blank_report()) names.push_back(std::move(step.name));
  watch.set_stages(direction_, std::move(names));
}

ChainWorker::ChainWorker(const StageChain& chain, OperationWatch* watch)
    : chain_(chain),
      watch_(watch),
      workers_(chain.stages().size()),
      report_(chain.blank_report()) {}

void ChainWorker::run(const StepGroup& group, ChunkSlot& slot) {
  for (std::size_t step = group.first; step < group.last; ++step) {
    try {
      run_step(step, slot);
    } catch (...) {
      Error error = FailureLatch::current_exception_as_error(errc::stage_failed);
      error.at_chunk(slot.sequence).in_stage(report_[step].name);
      throw error;
    }
  }
  const bool is_stored = chain_.direction() == Direction::forward && group.last == chain_.steps();
  if (is_stored) slot.stored_bytes = slot.data.size() - chain_.record_header_bytes();
}

void ChainWorker::run_step(std::size_t step, ChunkSlot& slot) {
  const auto began = std::chrono::steady_clock::now();
  const std::size_t bytes_in = slot.data.size();
  const bool forward = chain_.direction() == Direction::forward;
  const std::size_t from_plain = forward ? step : chain_.steps() - 1 - step;
  StageReport& report = report_[step];
  report.bytes_in += bytes_in;
  if (from_plain < chain_.stages().size())
    run_stage(from_plain, slot, report);
  else if (forward)
    seal(slot);
  else
    open(slot);
  report.bytes_out += slot.data.size();
  const auto ended = std::chrono::steady_clock::now();
  report.time += ended - began;
  if (watch_) watch_->was_staged(slot, step, bytes_in, {began, ended});
}

void ChainWorker::run_stage(std::size_t stage, ChunkSlot& slot, StageReport& report) {
  if (chain_.direction() == Direction::forward) {
    // No more than restoring grants, also if a stage says less of a chunk than of a shorter one.
    const std::size_t limit =
        std::min(most_output_bytes(*chain_.stages()[stage], slot.data.size()),
                 chain_.bound_bytes(stage + 1, slot.plain_bytes, slot.skipped));
    const std::optional<unsigned> skip_bit = chain_.skip_bit(stage);
    if (call_stage(stage, limit, slot) == Outcome::unchanged && skip_bit) {
      slot.skipped = static_cast<std::uint16_t>(slot.skipped | 1u << *skip_bit);
      ++report.chunks_unchanged;
    }
  } else {
    if (is_skipped(slot.skipped, stage))
      ++report.chunks_unchanged;
    else
      call_stage(stage, chain_.bound_bytes(stage, slot.plain_bytes, slot.skipped), slot);
    if (stage == 0 && slot.data.size() != slot.plain_bytes)
      throw Error(errc::corrupt, "restored " + std::to_string(slot.data.size()) +
                                     " bytes where the record says " +
                                     std::to_string(slot.plain_bytes));
  }
}

Outcome ChainWorker::call_stage(std::size_t stage, std::size_t limit_bytes, ChunkSlot& slot) {
  if (!workers_[stage]) {
    workers_[stage] = chain_.stages()[stage]->make_worker(chain_.direction());
    if (!workers_[stage]) throw Error(errc::stage_failed, "make_worker() made nothing");
  }
  Buffer& out = slot.back();
  BufferAccess::restart(out, limit_bytes);
  const ChunkInfo info{.index = slot.sequence, .plain_bytes = slot.plain_bytes};
  if (workers_[stage]->run(info, slot.data, out) == Outcome::unchanged) return Outcome::unchanged;
  const bool forward = chain_.direction() == Direction::forward;
  if (out.empty() && (forward || slot.plain_bytes > 0))
    throw Error(forward ? errc::stage_failed : errc::corrupt, "the stage made an empty output");
  slot.swap_buffers();
  slot.data = {out.data(), out.size()};
  return Outcome::changed;
}

void ChainWorker::seal(ChunkSlot& slot) {
  Index::check_chunk_fits(slot.sequence);
  if (!protector_) protector_.emplace(chain_.framing()->keys);
  // The data lies in the front buffer, which has room for the header before and the tag behind it.
  RecordHeader header{.type = RecordType::chunk,
                      .skipped = slot.skipped,
                      .plain_bytes = slot.plain_bytes,
                      .stored_bytes = 0,
                      .sequence = slot.sequence};
  const std::size_t record_bytes =
      layout::kRecordHeaderBytes + slot.data.size() + protector_->overhead_bytes();
  if (record_bytes - layout::kRecordHeaderBytes >
      2 * std::uint64_t{chain_.framing()->container.chunk_bytes} + layout::kMaxStoredExtra)
    throw Error(errc::limit_exceeded, "the stages made a chunk of " +
                                          std::to_string(slot.data.size()) +
                                          " bytes, more than a record holds");
  std::byte* const record = slot.data.data() - layout::kRecordHeaderBytes;
  protector_->seal(header, slot.data, record);
  slot.data = {record, record_bytes};
}

void ChainWorker::open(ChunkSlot& slot) {
  if (!protector_) protector_.emplace(chain_.framing()->keys);
  const auto bytes = std::span<const std::byte>(slot.data).first<layout::kRecordHeaderBytes>();
  const RecordHeader header = decode_record_header(bytes, chain_.framing()->container);
  slot.skipped = header.skipped;
  slot.data = protector_->open(bytes, header, slot.data.subspan(layout::kRecordHeaderBytes));
  const std::size_t stages = chain_.stages().size();
  if (slot.data.size() > chain_.bound_bytes(stages, slot.plain_bytes, slot.skipped) ||
      (stages == 0 && slot.data.size() != slot.plain_bytes))
    throw Error(errc::corrupt, "the record's size does not fit its chunk");
}

ChainWorkers::ChainWorkers(const StageChain& chain, std::size_t threads, OperationWatch* watch)
    : chain_(chain), watch_(watch), places_(threads) {}

ChainWorkers::~ChainWorkers() = default;

ChainWorkers::Lease::Lease(ChainWorkers& owner, std::size_t thread)
    : owner_(owner), thread_(thread), worker_(nullptr) {
  if (thread_ < owner_.places_.size())
    worker_ = owner_.places_[thread_].idle.exchange(nullptr, std::memory_order_acquire);
  if (worker_) return;
  const std::lock_guard lock(owner_.mutex_);
  if (!owner_.spare_.empty()) {
    worker_ = owner_.spare_.back();
    owner_.spare_.pop_back();
  } else {
    owner_.spare_.reserve(owner_.all_.size() + 1);  // so that giving back cannot fail
    owner_.all_.push_back(std::make_unique<ChainWorker>(owner_.chain_, owner_.watch_));
    worker_ = owner_.all_.back().get();
  }
}

ChainWorkers::Lease::~Lease() {
  ChainWorker* displaced = worker_;
  if (thread_ < owner_.places_.size())
    displaced = owner_.places_[thread_].idle.exchange(worker_, std::memory_order_acq_rel);
  if (!displaced) return;
  const std::lock_guard lock(owner_.mutex_);
  owner_.spare_.push_back(displaced);
}

std::vector<StageReport> ChainWorkers::report() const {
  std::vector<StageReport> sum = chain_.blank_report();
  const std::lock_guard lock(mutex_);
  for (const auto& worker : all_) {
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const StageReport& one = worker->report()[i];
      sum[i].bytes_in += one.bytes_in;
      sum[i].bytes_out += one.bytes_out;
      sum[i].chunks_unchanged += one.chunks_unchanged;
      sum[i].time += one.time;
    }
  }
  return sum;
}

}  // namespace adapipe::inline v0_1
