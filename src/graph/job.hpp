#pragma once

#include <adapipe/observer.hpp>
#include <adapipe/report.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "graph/parts.hpp"
#include "graph/stage_chain.hpp"
#include "memory/memory_account.hpp"
#include "util/backlog.hpp"

namespace adapipe::inline v0_1 {

/// What one operation does, apart from when and where: OperationState calls prepare(), has a runner
/// drive the parts, then calls finish() or abandon(), each on a thread that may wait.
///
/// Holds the opened source and sink, so that cancel() can wake them at any moment, even before they
/// are opened. Only cancel() is thread-safe. Must not hold a Runtime: it is destroyed on a thread
/// of the Runtime.
class Job {
 public:
  /// Of a job that opens neither source nor sink.
  Job() : Job(Source(std::unique_ptr<SourceImpl>()), Sink(std::unique_ptr<SinkImpl>())) {}
  Job(Source source, Sink sink) : source_(std::move(source)), sink_(std::move(sink)) {}
  virtual ~Job() = default;

  /// For who watches.
  virtual OperationKind kind() const noexcept = 0;

  /// Opens source and sink, reads or writes the header. Then the parts exist. `memory`, for what
  /// grows, outlives the job. May throw.
  virtual void prepare(std::size_t worker_threads, MemoryAccount& memory) = 0;

  virtual Producer& producer() = 0;
  virtual const StageChain& chain() const = 0;
  virtual Consumer& consumer() = 0;
  /// The biggest chunk there can be, in plain bytes: sizes the slots.
  virtual std::size_t largest_chunk_bytes() const = 0;
  /// What will be charged to its MemoryAccount while chunks run, as far as that is known.
  virtual std::size_t list_bytes() const { return 0; }
  /// Plain bytes in all, if known.
  virtual std::optional<std::uint64_t> plain_bytes() const = 0;

  /// Everything has been written: checks that it was everything, writes what closes it. May throw.
  virtual void finish() = 0;
  /// After finish(), while cancel() still ends a wait: what the sink has to wait for before
  /// commit().
  void await_sink();
  /// Makes it final at the sink, if there is one. May throw; nothing more is done then.
  virtual void commit();
  /// What was written reaches the storage medium. While chunks run, and none is being written.
  void sync();
  /// Byte and chunk counts.
  virtual void fill(Report& report) const noexcept = 0;

  /// Instead of commit(): undoes what can be undone at the sink, if it was opened.
  void abandon() noexcept;
  /// Where its chunks pile up. Lives as long as the job; whoever drives the parts keeps it.
  Backlog& backlog() noexcept { return backlog_; }

  /// Makes reads, writes and key services that wait return or throw soon. Thread-safe.
  void cancel() noexcept;

 protected:
  SourceImpl& open_source();
  SinkImpl& open_sink(const SinkHints& hints);
  /// Stops with cancel(); for what waits for neither source nor sink.
  std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  SourceImpl& source() noexcept { return *open_source_; }
  SinkImpl& sink() noexcept { return *open_sink_; }

 private:
  Source source_;
  Sink sink_;
  std::stop_source stop_;
  Backlog backlog_;
  std::mutex mutex_;  // guards the pointers below against cancel()
  std::unique_ptr<SourceImpl> open_source_;
  std::unique_ptr<SinkImpl> open_sink_;
};

}  // namespace adapipe::inline v0_1
