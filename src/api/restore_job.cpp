#include "api/restore_job.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <string>
#include <utility>

#include "api/container_access.hpp"
#include "graph/failure_latch.hpp"

namespace adapipe::inline v0_1 {

RestoreJob::RestoreJob(Source source, Sink sink, RestoreOptions options)
    : Job(std::move(source), std::move(sink)), options_(std::move(options)) {
  options_.runtime.reset();  // see Job
}

void RestoreJob::prepare(std::size_t, MemoryAccount& memory) {
  SourceImpl& from = open_source();
  try {
    if (auto* const positional = dynamic_cast<PositionalSourceImpl*>(&from))
      open_indexed(*positional, memory);
    else
      open_stream(from, memory);
    if (plain_bytes_ && *plain_bytes_ > options_.max_plain_bytes)
      throw Error(errc::limit_exceeded, "the container holds " + std::to_string(*plain_bytes_) +
                                            " plain bytes, more than the allowed " +
                                            std::to_string(options_.max_plain_bytes));
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::io_error).in_file(from.name());
  }
  // A size that only an unprotected header claims is no reason to reserve as much.
  const bool known = indexed_ || container_.header.integrity == Integrity::aead;
  writer_.emplace(
      open_sink({.total_bytes = known ? plain_bytes_ : std::nullopt, .input = from.file_id()}));
}

void RestoreJob::open(const ReadFull& read) {
  container_ = open_container(read, {.identities = options_.identities,
                                     .context = options_.context,
                                     .allow_unencrypted = options_.allow_unencrypted,
                                     .stop = stop_token()});
  chain_.emplace(Direction::backward, make_stages(container_.header, options_.registry),
                 container_.keys, container_.header);
}

void RestoreJob::open_indexed(PositionalSourceImpl& from, MemoryAccount& memory) {
  open(read_full_from(from, stop_token()));
  index_ = read_index(from, container_, [&memory](std::size_t bytes) { memory.charge(bytes); });
  plain_bytes_ = index_.plain_total();
  for (const IndexEntry& entry : index_.entries())
    largest_chunk_bytes_ = std::max<std::size_t>(largest_chunk_bytes_, entry.plain_bytes);
  container_bytes_ = from.total_bytes();
  indexed_.emplace(from, container_, index_, *chain_, stop_token());
}

void RestoreJob::open_stream(SourceImpl& from, MemoryAccount& memory) {
  open(read_full_from(from, stop_token()));
  plain_bytes_ = container_.header.plain_bytes;
  largest_chunk_bytes_ = static_cast<std::size_t>(std::min<std::uint64_t>(
      container_.header.chunk_bytes, plain_bytes_.value_or(container_.header.chunk_bytes)));
  stream_.emplace(from, container_, *chain_, options_.max_plain_bytes, memory, stop_token());
}

Producer& RestoreJob::producer() {
  if (indexed_) return *indexed_;
  return *stream_;
}

void RestoreJob::finish() {
  if (stream_) stream_->check_end();
  const Index& index = indexed_ ? index_ : stream_->seen();
  if (writer_->written_chunks() != index.chunks() ||
      writer_->written_bytes() != index.plain_total())
    throw Error(errc::io_error, "internal error: chunks are missing at the end");
  if (stream_) container_bytes_ = stream_->container_bytes();
}

void RestoreJob::fill(Report& report) const noexcept {
  report.input_bytes = container_bytes_;
  report.output_bytes = writer_->written_bytes();
  report.chunks = writer_->written_chunks();
  report.slot_type = container_.slot_type();
}

}  // namespace adapipe::inline v0_1
