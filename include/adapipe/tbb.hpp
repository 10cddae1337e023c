#pragma once

/// For a host that runs oneTBB itself; the only header of adapipe that includes oneTBB's.

#include <oneapi/tbb/task_arena.h>

#include <adapipe/runtime.hpp>
#include <cstddef>
#include <utility>

namespace adapipe::inline v0_1 {

/// A Runtime with as many worker threads as `arena` has places, unless options.worker_threads says
/// otherwise. They are threads of the Runtime, in an arena of its own: nothing is ever waited for,
/// spawned or stolen in the host's. So a host may wait for operations within its own parallel
/// loops, with locks held. The two do not share places: a host whose loops and operations are busy
/// at once may want fewer of either. `arena` is only looked at, and need not outlive the Runtime.
/// Throws what Runtime's constructor throws.
inline Runtime attach(const oneapi::tbb::task_arena& arena, RuntimeOptions options = {}) {
  if (options.worker_threads == 0)
    options.worker_threads = static_cast<std::size_t>(arena.max_concurrency());
  return Runtime(options);
}

/// The same, with worker threads that keep to the CPUs that `constraints` stand for (a NUMA node, a
/// kind of core), unless options.cpus names others. oneTBB does not tell the constraints of an
/// arena: give those that it was made with. Where oneTBB has no library to bind threads with
/// (tbbbind), it heeds no constraints, and nor do the workers.
inline Runtime attach(const oneapi::tbb::task_arena& arena,
                      const oneapi::tbb::task_arena::constraints& constraints,
                      RuntimeOptions options = {}) {
  if (options.cpus.empty()) {
    // oneTBB binds whoever enters an arena, for as long as he is there. Nobody else enters this
    // one.
    oneapi::tbb::task_arena alike(constraints);
    alike.execute([&options] { options.cpus = cpus_of_this_thread(); });
  }
  return attach(arena, std::move(options));
}

}  // namespace adapipe::inline v0_1
