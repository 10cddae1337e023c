#include "api/process_job.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <bit>
#include <utility>

#include "api/steps.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::uint64_t kSmallestAdaptive = 256 * 1024;
constexpr std::uint64_t kLargestAdaptive = 4 * 1024 * 1024;
constexpr std::uint32_t kUnknownSizeAdaptive = 1024 * 1024;
constexpr std::uint64_t kChunksPerWorker = 4;

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
  const std::uint64_t share = *plain_bytes / (kChunksPerWorker * worker_threads);
  const std::uint64_t bytes = std::clamp(share, kSmallestAdaptive, kLargestAdaptive);
  return static_cast<std::uint32_t>(std::bit_floor(bytes));
}

ProcessJob::ProcessJob(PipelinePlan plan, Source source, Sink sink, ProcessOptions options,
                       RandomSource& random)
    : Job(std::move(source), std::move(sink)),
      plan_(std::move(plan)),
      options_(std::move(options)),
      random_(random) {
  plan_.runtime.reset();  // see Job
}

void ProcessJob::prepare(std::size_t worker_threads, MemoryAccount& memory) {
  SourceImpl& from = open_source();
  plain_bytes_ = from.size();
  SinkImpl& to = open_sink({.total_bytes = std::nullopt, .input = from.file_id()});

  Header header;
  header.chunk_bytes = plan_.chunk_size ? plan_.chunk_size->bytes()
                                        : adaptive_chunk_bytes(plain_bytes_, worker_threads);
  for (const auto& stage : plan_.stages) header.stages.push_back(stage->info());
  header.plain_bytes = plain_bytes_;
  header.metadata = options_.metadata;
  NewContainer container =
      create_container(header, plan_.cipher, options_.context, random_, stop_token());

  chain_.emplace(Direction::forward, plan_.stages, std::move(container.keys), header);
  reader_.emplace(from, header.chunk_bytes, stop_token());
  writer_.emplace(to, container.head.size(), memory);
  write_at(0, container.head);
}

void ProcessJob::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  SinkImpl& to = sink();
  about(to.name(), [&] {
    if (auto* const positional = dynamic_cast<PositionalSinkImpl*>(&to))
      positional->write_at(offset, bytes);
    else
      to.write(bytes);
  });
}

std::size_t ProcessJob::largest_chunk_bytes() const {
  const std::uint64_t chunk_bytes = chain_->container().chunk_bytes;
  return std::min(chunk_bytes, plain_bytes_.value_or(chunk_bytes));
}

void ProcessJob::finish() {
  const Index& index = writer_->index();
  reader_->check_total(index.plain_total());
  if (const auto chunks = reader_->chunks(); chunks && *chunks != index.chunks())
    throw Error(errc::io_error, "internal error: chunks are missing at the end");
  const std::uint64_t index_offset = writer_->end_offset();
  const std::vector<std::byte> tail = seal_tail(index, index_offset, chain_->keys());
  write_at(index_offset, tail);
  container_bytes_ = index_offset + tail.size();
}

void ProcessJob::fill(Report& report) const noexcept {
  report.input_bytes = writer_->index().plain_total();
  report.output_bytes = container_bytes_;
  report.chunks = writer_->index().chunks();
}

}  // namespace adapipe::inline v0_1
