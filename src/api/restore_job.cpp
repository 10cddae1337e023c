#include "api/restore_job.hpp"

#include <adapipe/error.hpp>
#include <string>
#include <utility>

#include "api/container_access.hpp"
#include "graph/failure_latch.hpp"
#include "io/limited_source.hpp"

namespace adapipe::inline v0_1 {

RestoreJob::RestoreJob(OperationKind kind, Source source, Sink sink, RestoreOptions options)
    : Job(limited(std::move(source), options.rate_limit), std::move(sink)),
      kind_(kind),
      options_(std::move(options)) {
  options_.runtime.reset();  // see Job
}

void RestoreJob::prepare(std::size_t, MemoryAccount& memory) {
  SourceImpl& from = open_source();
  try {
    reader_ = open_to_restore(from,
                              {.identities = options_.identities,
                               .context = options_.context,
                               .registry = options_.registry,
                               .allow_unencrypted = options_.allow_unencrypted,
                               .stop = stop_token(),
                               .read_stop = stop_token()},
                              options_.max_plain_bytes, memory);
    if (const auto bytes = plain_bytes(); bytes && *bytes > options_.max_plain_bytes)
      throw Error(errc::limit_exceeded, "the container holds " + std::to_string(*bytes) +
                                            " plain bytes, more than the allowed " +
                                            std::to_string(options_.max_plain_bytes));
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::io_error).in_file(from.name());
  }
  const bool certain = reader_->plain_bytes_are_certain();
  writer_.emplace(
      open_sink({.total_bytes = certain ? plain_bytes() : std::nullopt, .input = from.file_id()}));
}

void RestoreJob::finish() {
  const StoredReader::Totals totals = reader_->finish();
  if (writer_->written_chunks() != totals.chunks || writer_->written_bytes() != totals.plain_bytes)
    throw Error(errc::io_error, "internal error: chunks are missing at the end");
  stored_bytes_ = totals.stored_bytes;
}

void RestoreJob::fill(Report& report) const noexcept {
  report.input_bytes = stored_bytes_;
  report.output_bytes = writer_->written_bytes();
  report.chunks = writer_->written_chunks();
  report.slot_type = reader_->slot_type();
}

}  // namespace adapipe::inline v0_1
