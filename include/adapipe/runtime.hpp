#pragma once

#include <adapipe/export.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

class RuntimeImpl;
class Observer;
struct Metrics;

struct RuntimeOptions {
  /// CPU worker threads, 1 .. 1024. 0: the smaller of the affinity mask and the cgroup's quota.
  std::size_t worker_threads = 0;
  /// The most threads for I/O that may wait, 1 .. 4096; made on demand, idle ones leave. 0: enough
  /// for every concurrent operation to read all its chunks at once. With fewer than two for each
  /// and one, an operation that waits can hold up others, also when they are stopped. An open
  /// Writer keeps a thread beyond these; a tee() that waits takes one of them.
  std::size_t io_threads = 0;
  /// Bytes that all operations together may hold in buffers and codec contexts. 0: a quarter of
  /// the memory the process may use, at most 1 GiB.
  std::size_t memory_bytes = 0;
  /// Operations that run at once; later ones wait their turn, holding nothing. 0: 256.
  std::size_t max_concurrent_operations = 0;
  /// The threads are called NAME-cpu and NAME-io (15 bytes are shown by the system).
  std::string thread_name = "adapipe";
  /// Hands completion callbacks and coroutines to the host's own executor, which runs each once, on
  /// a thread of its own: not within post(), which is called by threads of the runtime. Empty, or
  /// if it throws: they run one after the other on a thread called NAME-then, made at the first
  /// use.
  std::function<void(std::function<void()>)> post{};
  /// Bytes of decoded chunks that the Readers of this runtime keep, all together, on top of
  /// memory_bytes; see ReaderOptions::cache_bytes.
  std::size_t cache_bytes = std::size_t{64} << 20;
  /// Stack of each thread, at least 4 MiB. 0: the system's default (8 MiB, as a rule). Stages of
  /// the host's own run on it, one upon the other if they wait for operations of this runtime.
  std::size_t stack_bytes = 0;
  /// The CPUs that the worker threads keep to, by the system's numbers; see cpus_of_this_thread().
  /// Empty: those that the thread which makes the Runtime may run on. There is no worker thread
  /// more than CPUs unless worker_threads says so.
  std::vector<unsigned> cpus{};
  /// Told what becomes of every operation; lives until the runtime has ended. Default: nobody.
  std::shared_ptr<Observer> observer{};
};

/// The CPUs that the calling thread may run on, in ascending order.
ADAPIPE_API std::vector<unsigned> cpus_of_this_thread();

/// The threads and the byte budget that operations share. A cheap handle: copies share one
/// runtime, which ends with the last copy; operations in flight keep theirs. Thread-safe. One that
/// was moved from can be assigned to or destroyed, nothing else.
///
/// The worker threads belong to the runtime: nothing of the host's oneTBB arenas is used, waited
/// in or stolen from (see <adapipe/tbb.hpp>). OpenSSL is told, as the library is loaded, not to
/// tidy up at exit, when those threads may still be at work. After fork() without exec, use in the
/// child is Error(resource_exhausted); what was made before the fork can be destroyed there, and
/// stays as it is.
class ADAPIPE_API Runtime {
 public:
  /// Starts the worker threads. Throws Error(invalid_argument), Error(resource_exhausted).
  explicit Runtime(const RuntimeOptions& options = {});

  /// The default one, made at the first use. It ends with the static objects of the process: after
  /// those that were made later. What was made before and asks for it at its own end gets
  /// Error(resource_exhausted); let it keep a handle from its constructor on.
  static Runtime shared();
  /// Runs every operation on the calling thread, one chunk after the other, without oneTBB; gives
  /// the same containers. Made and ended as shared() is.
  static Runtime serial();

  std::size_t worker_threads() const noexcept;       ///< 1 for serial()
  std::size_t memory_bytes() const noexcept;         ///< the budget
  std::size_t memory_in_use_bytes() const noexcept;  ///< reserved at this moment; 0 after fork()
  bool is_serial() const noexcept;
  /// What it has done and is doing; see <adapipe/metrics.hpp>. Always counted: it costs nothing to
  /// speak of. Throws Error(resource_exhausted) after fork().
  Metrics metrics() const;

  RuntimeImpl& impl() const noexcept { return *impl_; }

 private:
  explicit Runtime(std::shared_ptr<RuntimeImpl> impl) noexcept;
  std::shared_ptr<RuntimeImpl> impl_;
};

}  // namespace adapipe::inline v0_1
