#include "api/process_job.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <utility>

#include "api/plan_cost.hpp"
#include "api/steps.hpp"
#include "graph/failure_latch.hpp"
#include "graph/tap.hpp"
#include "io/limited_source.hpp"
#include "stages/zstd_adapting.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::uint64_t kSmallestAdaptive = 256 * 1024;
constexpr std::uint64_t kLargestAdaptive = 4 * 1024 * 1024;
constexpr std::uint64_t kAdaptiveStep = 64 * 1024;
constexpr std::uint32_t kUnknownSizeAdaptive = 1024 * 1024;
constexpr std::uint64_t kChunksPerWorker = 2;

constexpr std::uint64_t ceil_div(std::uint64_t dividend, std::uint64_t divisor) {
  return dividend / divisor + (dividend % divisor != 0);
}

/// What the list of all chunks takes at the end of the output; 0 if their number is not known.
std::size_t list_bytes_of(Container container, std::optional<std::uint64_t> plain_bytes,
                          std::uint64_t chunk_bytes) {
  const std::uint64_t chunks = plain_bytes ? ceil_div(*plain_bytes, chunk_bytes) : 0;
  switch (container) {
    case Container::adapipe:
      return chunks * RecordWriter::kListBytes;
    case Container::zstd_seekable:
      return chunks * FrameWriter::kListBytes;
    case Container::none:
      return 0;
  }
  return 0;
}

template <typename Act>
auto in_stage(const Stage& stage, Act act) {
  try {
    return act();
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::stage_failed).in_stage(stage.info().id);
  }
}

}  // namespace

Runtime runtime_of(const PipelinePlan& plan) {
  return plan.runtime ? *plan.runtime : Runtime::shared();
}

StartOptions start_options(ProcessOptions& options) {
  return {.stop = options.stop,
          .on_progress = std::move(options.on_progress),
          .max_in_flight = options.max_in_flight};
}

std::uint32_t adaptive_chunk_bytes(std::optional<std::uint64_t> plain_bytes,
                                   std::size_t worker_threads) noexcept {
  if (!plain_bytes) return kUnknownSizeAdaptive;
  // As many for each worker, or few of them had something to do in the end.
  const std::uint64_t rounds =
      std::max(ceil_div(*plain_bytes, kLargestAdaptive * worker_threads), kChunksPerWorker);
  const std::uint64_t share = ceil_div(*plain_bytes, rounds * worker_threads);
  const std::uint64_t bytes = ceil_div(share, kAdaptiveStep) * kAdaptiveStep;
  return static_cast<std::uint32_t>(std::clamp(bytes, kSmallestAdaptive, kLargestAdaptive));
}

std::uint32_t affordable_chunk_bytes(const PipelinePlan& plan,
                                     std::optional<std::uint64_t> plain_bytes,
                                     std::size_t worker_threads, std::size_t budget_bytes) {
  std::uint64_t bytes = adaptive_chunk_bytes(plain_bytes, worker_threads);
  const auto fits = [&] {
    const std::size_t list_bytes =
        MemoryAccount::counted(list_bytes_of(plan.container, plain_bytes, bytes));
    const ChunkCost cost = chunk_cost(plan, ChunkSize::from_bytes(bytes), worker_threads);
    return list_bytes <= budget_bytes && cost.bytes_for(1) <= budget_bytes - list_bytes;
  };
  // What takes the smallest size anyway, as small files do, is not kept waiting by the question.
  while (bytes > kSmallestAdaptive && !fits())
    bytes = std::max(bytes / 2 / kAdaptiveStep * kAdaptiveStep, kSmallestAdaptive);
  return static_cast<std::uint32_t>(bytes);
}

ProcessJob::ProcessJob(PipelinePlan plan, Source source, Sink sink, ProcessOptions options,
                       RandomSource& random)
    : Job(limited(std::move(source), options.rate_limit), std::move(sink)),
      plan_(std::move(plan)),
      options_(std::move(options)),
      random_(random) {
  plan_.runtime.reset();  // see Job
}

void ProcessJob::check_options() const {
  if (plan_.container == Container::adapipe) return;
  if (!options_.metadata.empty())
    throw Error(errc::invalid_argument,
                "metadata was given, but only an adapipe container has a place for it");
  if (!options_.context.empty())
    throw Error(errc::invalid_argument,
                "a context was given, but only an encrypted container can hold to it");
}

void ProcessJob::prepare(std::size_t worker_threads, MemoryAccount& memory) {
  check_options();
  SourceImpl& from = open_source();
  plain_bytes_ = from.size();
  SinkImpl& to = open_sink({.total_bytes = std::nullopt, .input = from.file_id()});
  chunk_bytes_ = plan_.chunk_size ? plan_.chunk_size->bytes()
                                  : affordable_chunk_bytes(plan_, plain_bytes_, worker_threads,
                                                           memory.budget_bytes());
  reader_.emplace(from, chunk_bytes_, stop_token());
  if (plan_.container == Container::adapipe) return begin_records(to, from.file_id(), memory);
  chain_.emplace(Direction::forward, begin_stages(from.file_id()));
  if (plan_.container == Container::zstd_seekable)
    writer_ = std::make_unique<FrameWriter>(to, memory);
  else
    writer_ = std::make_unique<ChunkWriter>(to);
}

void ProcessJob::begin_records(SinkImpl& to, std::optional<FileId> input, MemoryAccount& memory) {
  Header header;
  header.chunk_bytes = chunk_bytes_;
  for (const auto& stage : plan_.stages)
    if (!as_tap(*stage)) header.stages.push_back(stage->info());
  header.plain_bytes = plain_bytes_;
  header.metadata = options_.metadata;
  NewContainer container =
      create_container(header, plan_.cipher, options_.context, random_, stop_token());

  chain_.emplace(Direction::forward, begin_stages(input), std::move(container.keys), header);
  writer_ =
      std::make_unique<RecordWriter>(to, container.head.size(), chain_->framing()->keys, memory);
  write_at(0, container.head);
}

std::vector<std::shared_ptr<const Stage>> ProcessJob::begin_stages(std::optional<FileId> input) {
  std::vector<std::shared_ptr<const Stage>> stages;
  SinkHints hints{.total_bytes = plain_bytes_, .input = input};
  for (const auto& stage : plan_.stages) {
    if (const Tap* const tap = as_tap(*stage)) {
      in_stage(*stage, [&] { stages.push_back(tap->begin(hints, stop_token())); });
    } else {
      auto adapting = zstd_adapting(*stage, backlog());
      stages.push_back(adapting ? std::move(adapting) : stage);
      hints.total_bytes.reset();
    }
  }
  return stages;
}

template <typename Act>
void ProcessJob::for_each_tap(Act act) const {
  for (std::size_t i = 0; i < chain_->stages().size(); ++i)
    if (const Tap* const tap = as_tap(*chain_->stages()[i])) act(*tap, i);
}

void ProcessJob::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  SinkImpl& to = sink();
  about(to.name(), [&] {
    if (auto* const positional = dynamic_cast<PositionalSinkImpl*>(&to))
      positional->write_at(offset, bytes);
    else
      to.write(bytes);
  });
}

std::size_t ProcessJob::largest_chunk_bytes() const {
  return std::min<std::uint64_t>(chunk_bytes_, plain_bytes_.value_or(chunk_bytes_));
}

std::size_t ProcessJob::list_bytes() const {
  return list_bytes_of(plan_.container, plain_bytes_, chunk_bytes_);
}

void ProcessJob::finish() {
  reader_->check_total(writer_->plain_bytes());
  if (const auto chunks = reader_->chunks(); chunks && *chunks != writer_->chunks())
    throw Error(errc::io_error, "internal error: chunks are missing at the end");
  const std::vector<std::byte> tail = writer_->tail();
  write_at(writer_->end_offset(), tail);
  output_bytes_ = writer_->end_offset() + tail.size();
  for_each_tap([](const Tap& tap, std::size_t) { in_stage(tap, [&] { tap.run().finish(); }); });
}

void ProcessJob::commit() {
  try {
    for_each_tap([](const Tap& tap, std::size_t) { in_stage(tap, [&] { tap.run().commit(); }); });
  } catch (...) {
    abandon();
    throw;
  }
  Job::commit();
}

void ProcessJob::fill(Report& report) const noexcept {
  report.input_bytes = writer_->plain_bytes();
  report.output_bytes = output_bytes_;
  report.chunks = writer_->chunks();
  for_each_tap([&report](const Tap& tap, std::size_t stage) {
    report.stages[stage].digest = tap.run().digest();
  });
}

}  // namespace adapipe::inline v0_1
