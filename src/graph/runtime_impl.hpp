#pragma once

#include <adapipe/runtime.hpp>
#include <cstddef>
#include <memory>
#include <optional>

#include "graph/continuation_runner.hpp"
#include "graph/worker_arena.hpp"
#include "io/executor.hpp"
#include "memory/chunk_cache.hpp"
#include "memory/fifo_gate.hpp"
#include "observe/counters.hpp"
#include "util/own_process.hpp"

namespace adapipe::inline v0_1 {

/// The budget if nothing else is asked for: a quarter of the memory the process may use, at most
/// 1 GiB.
std::size_t default_budget_bytes();

/// What a Runtime stands for. Thread-safe. Destroyed by a thread of the host's, when no operation
/// uses it: Operation holds a Runtime until it has joined.
class RuntimeImpl {
 public:
  /// `serial`: no threads at all.
  RuntimeImpl(const RuntimeOptions& options, bool serial);
  ~RuntimeImpl();

  bool is_serial() const noexcept { return !workers_; }
  std::size_t worker_threads() const noexcept { return workers_ ? workers_->threads() : 1; }

  /// Places for operations, and bytes for their buffers and contexts.
  FifoGate& operations() noexcept { return operations_; }
  FifoGate& memory() noexcept { return memory_; }
  const FifoGate& memory() const noexcept { return memory_; }
  /// What Readers without a cache of their own share.
  ChunkCache& decoded_chunks() noexcept { return decoded_chunks_; }
  Counters& counters() noexcept { return counters_; }
  Metrics metrics() const;
  IoExecutor& io() noexcept { return *io_; }  ///< not if is_serial()
  IoExecutor* io_or_null() noexcept { return io_ ? &*io_ : nullptr; }
  /// How many reads of one operation may wait at once. So many that every operation still has a
  /// thread to write, and one is left to end those that are stopped in a queue, unless there are
  /// fewer than two for every operation in all.
  std::size_t reads_per_operation() const noexcept { return reads_per_operation_; }
  WorkerArena& workers() noexcept { return *workers_; }  ///< not if is_serial()
  WorkerArena* arena_or_null() noexcept { return workers_ ? &*workers_ : nullptr; }
  const std::shared_ptr<ContinuationRunner>& continuations() const noexcept {
    return continuations_;
  }

  /// Throws Error(resource_exhausted) in a child of fork(), where the threads do not exist.
  void check_not_forked() const;

  /// Whether this is a thread of this runtime: waiting on it for another operation of the same
  /// runtime could be waiting for itself.
  bool runs_on_this_thread() const noexcept {
    return workers_ && (workers_->runs_on_this_thread() || io_->runs_on_this_thread());
  }

  /// true in a child of fork(), where the threads do not exist.
  bool is_forked_copy() const noexcept { return !process_.is_this(); }

 private:
  const OwnProcess process_;
  FifoGate operations_;
  FifoGate memory_;
  ChunkCache decoded_chunks_;
  Counters counters_;
  std::size_t reads_per_operation_ = 1;
  const std::shared_ptr<ContinuationRunner> continuations_;
  std::optional<IoExecutor> io_;
  std::optional<WorkerArena> workers_;
};

}  // namespace adapipe::inline v0_1
