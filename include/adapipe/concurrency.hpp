#pragma once

/// For hosts that run work of their own beside their pipelines: how many threads and chunks are
/// right, what there is to share, and a pool that runs callables on a Runtime's workers.

#include <adapipe/chunk.hpp>
#include <adapipe/export.hpp>
#include <adapipe/pipeline.hpp>
#include <adapipe/runtime.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace adapipe::inline v0_1 {

/// What threads do most of their time.
enum class Workload { cpu_bound, io_bound, mixed };

/// How many threads keep the CPUs busy that this process may use (its affinity mask or its
/// cgroup's quota, whichever is smaller): as many as there are for CPU-bound work, twice as many
/// for I/O-bound, one and a half times, rounded up, for mixed.
ADAPIPE_API std::size_t optimal_worker_count(Workload workload);

/// How many chunks of an input are worth having in flight: no more than it has, than fit into
/// `memory_bytes`, and than twice the CPUs; at least 1. Of each chunk its two buffers are counted.
ADAPIPE_API std::size_t optimal_concurrency(std::uint64_t input_bytes, ChunkSize chunk_size,
                                            std::size_t memory_bytes);
/// The same for what `pipeline` makes of the chunks: as Pipeline::bytes_in_flight() counts.
ADAPIPE_API std::size_t optimal_concurrency(std::uint64_t input_bytes, ChunkSize chunk_size,
                                            std::size_t memory_bytes, const Pipeline& pipeline);

/// What there is of each resource. The defaults are what this machine grants this process.
struct ADAPIPE_API ResourceLimits {
  /// As RuntimeOptions::memory_bytes: a quarter of the memory there is, at most 1 GiB.
  std::size_t memory_bytes = default_memory_bytes();
  /// Twice the CPUs: optimal_worker_count(Workload::io_bound).
  std::size_t tasks = default_tasks();
  /// What the process may have open at once: the soft limit of RLIMIT_NOFILE.
  std::size_t file_handles = default_file_handles();

  /// How many chunks of `pipeline` can be in flight at once, each with a task and a file handle of
  /// its own; 0 if there is no memory for one. Memory is counted as it is used: both buffers of
  /// each chunk, and the codec contexts of the workers, see Pipeline::bytes_in_flight().
  std::size_t max_parallel_chunks(ChunkSize chunk_size, const Pipeline& pipeline) const;

  static std::size_t default_memory_bytes();
  static std::size_t default_tasks();
  static std::size_t default_file_handles();
};

enum class Resource { memory_bytes, tasks, file_handles };

/// Counts what is in use of each resource, never more than the limits allow. For a host that has
/// several users of them; a Runtime keeps its own budget by itself. Thread-safe, without locks.
/// The counts are exact, but order nothing: what is acquired is not what another thread has just
/// released, unless they synchronise by other means.
class ADAPIPE_API ResourceTracker {
 public:
  explicit ResourceTracker(const ResourceLimits& limits = {});
  ~ResourceTracker();
  ResourceTracker(const ResourceTracker&) = delete;

  /// Holds an amount of a resource and gives it back on destruction. The tracker must outlive it.
  class ADAPIPE_API Guard {
   public:
    Guard(Guard&& other) noexcept
        : counter_(std::exchange(other.counter_, nullptr)), amount_(other.amount_) {}
    Guard& operator=(Guard&& other) noexcept;
    ~Guard() { release(); }

    /// Gives it back now.
    void release() noexcept;
    /// 0 after release(), or once moved from.
    std::size_t amount() const noexcept { return counter_ ? amount_ : 0; }

   private:
    friend class ResourceTracker;
    struct Counter;
    Guard(Counter& counter, std::size_t amount) noexcept : counter_(&counter), amount_(amount) {}
    Counter* counter_;
    std::size_t amount_;
  };

  /// Empty if there is not as much at the moment. Does not wait.
  [[nodiscard]] std::optional<Guard> try_acquire(Resource resource,
                                                 std::size_t amount = 1) noexcept;

  std::size_t in_use(Resource resource) const noexcept;
  /// The most that was ever in use at once.
  std::size_t peak(Resource resource) const noexcept;
  std::size_t limit(Resource resource) const noexcept;

 private:
  Guard::Counter& counter(Resource resource) const noexcept;
  std::unique_ptr<Guard::Counter[]> counters_;
};

/// Runs callables on the worker threads of a Runtime, which it shares with the operations there: at
/// most `max_workers` at once, first come, first served. Has no thread of its own. Thread-safe.
///
/// A thread that is itself a worker of the Runtime, as in a stage or in a callable of a pool, may
/// be the only one, and nobody might be left to run what it then waits for. So there execute() runs
/// the callable before it returns: in the place of the callable of this pool that calls it, if one
/// does, else as soon as a place is free. On Runtime::serial() every thread that calls is such a
/// worker.
///
/// A callable may use the Runtime as a stage may, and wait for what it gave to the pool itself. It
/// must not wait for what others gave to the same pool, or for a stage that uses it: they may be
/// waiting for its place. Nor for any operation, where stages use the pool: a thread that waits
/// for it may take up one of them.
class ADAPIPE_API WorkerPool {
 public:
  /// Throws Error(invalid_argument) if `max_workers` is 0.
  explicit WorkerPool(std::size_t max_workers, Runtime runtime = Runtime::shared());
  /// Waits until everything that was given to it has run. Not to be called by a callable of its
  /// own.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;

  std::size_t max_workers() const noexcept;

  /// Calls `f` once, with no arguments; its result, or what it throws, comes out of the future.
  /// Both may be of types that can only be moved. What `f` holds is let go before that. A future
  /// need not be kept: dropping it does not wait.
  /// Throws std::bad_alloc or Error(resource_exhausted) if there is no memory for it, the latter
  /// also after fork().
  template <typename F>
  auto execute(F&& f) -> std::future<std::invoke_result_t<std::decay_t<F>>> {
    using Callable = std::decay_t<F>;
    using Result = std::invoke_result_t<Callable>;
    // Behind a pointer, for what is const in it cannot be moved out of it.
    auto held = std::make_unique<Callable>(std::forward<F>(f));
    std::packaged_task<Result()> task([held = std::move(held)]() mutable -> Result {
      const auto once = std::move(held);
      return std::invoke(std::move(*once));
    });
    std::future<Result> result = task.get_future();
    run(Job(std::move(task)));
    return result;
  }

 private:
  using Job = std::packaged_task<void()>;  // not for its future: it holds what can only be moved
  struct State;
  void run(Job job);

  Runtime runtime_;
  std::shared_ptr<State> state_;
};

}  // namespace adapipe::inline v0_1
