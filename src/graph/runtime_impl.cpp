#include "graph/runtime_impl.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <string>

#include "util/machine.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::size_t kMaxWorkers = 1024;
constexpr std::size_t kMaxIoThreads = 4096;
constexpr std::size_t kDefaultOperations = 256;
constexpr std::size_t kMaxDefaultMemory = std::size_t{1} << 30;

// oneTBB (2021.8) takes every stack for as big as those of its own workers, 4 MiB, and lets no
// thread steal whose stack has less than half of that left: on a small one it never would.
constexpr std::size_t kMinStackBytes = std::size_t{4} << 20;

// oneTBB counts the graphs of an arena in 12 bits.
constexpr std::size_t kMaxOperations = 2000;

/// What an operation needs on top of the threads that read for it, see reads_per_operation().
constexpr std::size_t kWriters = 1;

/// Enough for all operations to have every chunk read at once, by the default of max_in_flight.
std::size_t default_io_threads(std::size_t operations, std::size_t workers) {
  return operations * (2 * workers + 2 + kWriters) + 1;
}

std::size_t within(std::size_t value, std::size_t otherwise, std::size_t most, const char* what) {
  if (value == 0) return std::min(otherwise, most);
  if (value > most)
    throw Error(errc::invalid_argument,
                std::string(what) + " is more than " + std::to_string(most));
  return value;
}

std::size_t default_workers(const RuntimeOptions& options) {
  return options.cpus.empty() ? usable_cpus() : std::min(usable_cpus(), options.cpus.size());
}

ThreadOptions threads(const RuntimeOptions& options) {
  if (options.stack_bytes != 0 && options.stack_bytes < kMinStackBytes)
    throw Error(errc::invalid_argument,
                "stack_bytes is less than " + std::to_string(kMinStackBytes));
  return {.name = options.thread_name, .stack_bytes = options.stack_bytes};
}

}  // namespace

std::size_t default_budget_bytes() {
  return std::min(usable_memory_bytes() / 4, kMaxDefaultMemory);
}

RuntimeImpl::RuntimeImpl(const RuntimeOptions& options, bool serial)
    : operations_(within(options.max_concurrent_operations, kDefaultOperations, kMaxOperations,
                         "max_concurrent_operations")),
      memory_(within(options.memory_bytes, default_budget_bytes(), SIZE_MAX, "memory_bytes")),
      decoded_chunks_(options.cache_bytes),
      counters_(options.observer),
      continuations_(std::make_shared<ContinuationRunner>(options.post, threads(options))) {
  if (serial) {
    continuations_->close();  // they run in place
    return;
  }
  const std::size_t workers =
      within(options.worker_threads, default_workers(options), kMaxWorkers, "worker_threads");
  const std::size_t operations = operations_.capacity();
  const std::size_t io_threads = within(options.io_threads, default_io_threads(operations, workers),
                                        kMaxIoThreads, "io_threads");
  reads_per_operation_ = std::max((io_threads - 1) / operations, kWriters + 1) - kWriters;
  io_.emplace(io_threads, threads(options));
  ThreadOptions on_cpus = threads(options);
  on_cpus.cpus = options.cpus;
  workers_.emplace(workers, on_cpus);
}

RuntimeImpl::~RuntimeImpl() {
  // Operations in flight have handles to the runtime, so none is; their last acts may still come.
  // The I/O threads go first: one that has enqueued a task, which was done at once, may still be on
  // its way out of the arena. What is left for the workers, to take graphs down, needs no I/O.
  io_.reset();
  workers_.reset();
  continuations_->close();
}

Metrics RuntimeImpl::metrics() const {
  check_not_forked();
  Metrics metrics;
  counters_.fill(metrics);
  metrics.operations_waiting = operations_.waiting();
  metrics.operations_waiting_for_memory = memory_.waiting();
  metrics.memory_bytes = memory_.capacity();
  metrics.memory_in_use_bytes = memory_.in_use();
  const ChunkCache::Use cache = decoded_chunks_.use();
  metrics.cache_bytes = cache.bytes;
  metrics.cache_hits = cache.hits;
  metrics.cache_misses = cache.misses;
  metrics.worker_threads = worker_threads();
  if (is_serial()) return metrics;
  metrics.worker_cpu_time = workers_->cpu_time();
  const IoExecutor::Load io = io_->load();
  metrics.io_threads = io.threads;
  metrics.io_threads_busy = io.busy;
  metrics.io_jobs_waiting = io.waiting;
  return metrics;
}

void RuntimeImpl::check_not_forked() const {
  if (is_forked_copy())
    throw Error(errc::resource_exhausted,
                "this Runtime was made before fork() and cannot be used in the child");
}

}  // namespace adapipe::inline v0_1
