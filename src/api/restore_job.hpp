#pragma once

#include <adapipe/restore.hpp>
#include <memory>
#include <optional>

#include "graph/job.hpp"
#include "graph/operation_state.hpp"
#include "graph/restore_parts.hpp"
#include "graph/stored_reader.hpp"

namespace adapipe::inline v0_1 {

/// restore() and verify(): what is stored becomes its plain bytes again. What can be read at any
/// offset is read in parallel; a stream, from front to back.
class RestoreJob final : public Job {
 public:
  RestoreJob(OperationKind kind, Source source, Sink sink, RestoreOptions options);

  OperationKind kind() const noexcept override { return kind_; }

  void prepare(std::size_t worker_threads, MemoryAccount& memory) override;
  Producer& producer() override { return *reader_; }
  const StageChain& chain() const override { return reader_->chain(); }
  Consumer& consumer() override { return *writer_; }
  std::size_t largest_chunk_bytes() const override { return reader_->largest_chunk_bytes(); }
  std::optional<std::uint64_t> plain_bytes() const override { return reader_->plain_bytes(); }
  void finish() override;
  void fill(Report& report) const noexcept override;

 private:
  const OperationKind kind_;
  RestoreOptions options_;
  std::unique_ptr<StoredReader> reader_;
  std::optional<PlainWriter> writer_;
  std::uint64_t stored_bytes_ = 0;
};

/// Where a restore runs.
Runtime runtime_of(const RestoreOptions& options);
/// What of `options` is not the job's; the callback is moved out of it.
StartOptions start_options(RestoreOptions& options);

}  // namespace adapipe::inline v0_1
