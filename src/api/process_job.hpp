#pragma once

#include <adapipe/pipeline.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "api/pipeline_plan.hpp"
#include "container/create.hpp"
#include "graph/job.hpp"
#include "graph/operation_state.hpp"
#include "graph/process_parts.hpp"
#include "util/random.hpp"

namespace adapipe::inline v0_1 {

/// Pipeline::process: a source becomes a container, of whichever kind. `random` is a parameter so
/// that tests can fix keys and salts; it must be system_random() otherwise.
class ProcessJob final : public Job {
 public:
  ProcessJob(PipelinePlan plan, Source source, Sink sink, ProcessOptions options,
             RandomSource& random);

  OperationKind kind() const noexcept override { return OperationKind::process; }
  void prepare(std::size_t worker_threads, MemoryAccount& memory) override;
  Producer& producer() override { return *reader_; }
  const StageChain& chain() const override { return *chain_; }
  Consumer& consumer() override { return *writer_; }
  std::size_t largest_chunk_bytes() const override;
  std::size_t list_bytes() const override;
  std::optional<std::uint64_t> plain_bytes() const override { return plain_bytes_; }
  void finish() override;
  void commit() override;
  void fill(Report& report) const noexcept override;

 private:
  void check_options() const;
  void begin_records(SinkImpl& to, std::optional<FileId> input, MemoryAccount& memory);
  /// The stages of this operation: whatever keeps a state for an operation has begun one.
  std::vector<std::shared_ptr<const Stage>> begin_stages(std::optional<FileId> input);
  /// Calls `act` with each tap and its number among the stages.
  template <typename Act>
  void for_each_tap(Act act) const;
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);

  PipelinePlan plan_;
  const ProcessOptions options_;
  RandomSource& random_;
  std::optional<std::uint64_t> plain_bytes_;
  std::uint32_t chunk_bytes_ = 0;
  std::uint64_t output_bytes_ = 0;
  std::optional<StageChain> chain_;
  std::optional<PlainReader> reader_;
  std::unique_ptr<ChunkWriter> writer_;
};

/// Where a pipeline's jobs run.
Runtime runtime_of(const PipelinePlan& plan);
/// What of `options` is not the job's; the callback is moved out of it.
StartOptions start_options(ProcessOptions& options);

/// The chunk size that is used when none was asked for: from 256 KiB to 4 MiB, such that every
/// worker gets the same number of chunks, two or more; 1 MiB if the size of the input is not known.
std::uint32_t adaptive_chunk_bytes(std::optional<std::uint64_t> plain_bytes,
                                   std::size_t worker_threads) noexcept;
/// That, or less if a budget of that size has no room for one such chunk and the list of all.
std::uint32_t affordable_chunk_bytes(const PipelinePlan& plan,
                                     std::optional<std::uint64_t> plain_bytes,
                                     std::size_t worker_threads, std::size_t budget_bytes);

}  // namespace adapipe::inline v0_1
