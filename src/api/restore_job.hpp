#pragma once

#include <adapipe/restore.hpp>
#include <memory>
#include <optional>

#include "container/open.hpp"
#include "graph/job.hpp"
#include "graph/restore_parts.hpp"

namespace adapipe::inline v0_1 {

/// restore() and verify(): a container becomes its plain bytes again. A container that can be read
/// at any offset is read by its index, in parallel; a stream, from front to back.
class RestoreJob final : public Job {
 public:
  RestoreJob(Source source, Sink sink, RestoreOptions options);

  void prepare(std::size_t worker_threads, MemoryAccount& memory) override;
  Producer& producer() override;
  const StageChain& chain() const override { return *chain_; }
  Consumer& consumer() override { return *writer_; }
  std::size_t largest_chunk_bytes() const override { return largest_chunk_bytes_; }
  std::optional<std::uint64_t> plain_bytes() const override { return plain_bytes_; }
  void finish() override;
  void fill(Report& report) const noexcept override;

 private:
  void open(const ReadFull& read);
  void open_indexed(PositionalSourceImpl& from, MemoryAccount& memory);
  void open_stream(SourceImpl& from, MemoryAccount& memory);

  RestoreOptions options_;
  OpenedContainer container_;
  Index index_;  // of an indexed container
  std::optional<std::uint64_t> plain_bytes_;
  std::size_t largest_chunk_bytes_ = 0;
  std::uint64_t container_bytes_ = 0;
  std::optional<StageChain> chain_;
  std::optional<IndexedRecordReader> indexed_;
  std::optional<StreamRecordReader> stream_;
  std::optional<PlainWriter> writer_;
};

}  // namespace adapipe::inline v0_1
