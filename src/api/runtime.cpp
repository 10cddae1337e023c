#include <adapipe/error.hpp>
#include <adapipe/metrics.hpp>
#include <adapipe/runtime.hpp>
#include <atomic>
#include <utility>

#include "graph/runtime_impl.hpp"
#include "util/machine.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// In a child of fork() the threads do not exist and cannot be joined: what is left stays.
void end_runtime(RuntimeImpl* impl) {
  std::unique_ptr<RuntimeImpl> owned(impl);
  if (owned->is_forked_copy()) (void)owned.release();
}

std::shared_ptr<RuntimeImpl> make_runtime(const RuntimeOptions& options, bool serial) {
  return {std::make_unique<RuntimeImpl>(options, serial).release(), end_runtime};
}

/// It ends with the static objects of the process; whoever comes later is told.
template <bool kSerial>
std::shared_ptr<RuntimeImpl> one_per_process() {
  static std::atomic<bool> ended{false};
  struct Holder {
    ~Holder() { ended = true; }
    const std::shared_ptr<RuntimeImpl> impl = make_runtime(RuntimeOptions(), kSerial);
  };
  if (ended)
    throw Error(errc::resource_exhausted,
                "the default Runtime has ended with the static objects of the process: what is "
                "destroyed later must keep a handle to it from the start");
  static const Holder holder;
  return holder.impl;
}

}  // namespace

std::vector<unsigned> cpus_of_this_thread() { return affinity_cpus(); }

Runtime::Runtime(const RuntimeOptions& options) : Runtime(make_runtime(options, false)) {}

Runtime::Runtime(std::shared_ptr<RuntimeImpl> impl) noexcept : impl_(std::move(impl)) {}

Runtime Runtime::shared() { return Runtime(one_per_process<false>()); }
Runtime Runtime::serial() { return Runtime(one_per_process<true>()); }

std::size_t Runtime::worker_threads() const noexcept { return impl_->worker_threads(); }
std::size_t Runtime::memory_bytes() const noexcept { return impl_->memory().capacity(); }
std::size_t Runtime::memory_in_use_bytes() const noexcept {
  return impl_->is_forked_copy() ? 0 : impl_->memory().in_use();
}
Metrics Runtime::metrics() const { return impl_->metrics(); }
bool Runtime::is_serial() const noexcept { return impl_->is_serial(); }

}  // namespace adapipe::inline v0_1
