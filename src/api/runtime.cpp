#include <adapipe/runtime.hpp>
#include <utility>

#include "graph/runtime_impl.hpp"

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

}  // namespace

Runtime::Runtime(const RuntimeOptions& options) : Runtime(make_runtime(options, false)) {}

Runtime::Runtime(std::shared_ptr<RuntimeImpl> impl) noexcept : impl_(std::move(impl)) {}

Runtime Runtime::shared() {
  static const Runtime runtime;
  return runtime;
}

Runtime Runtime::serial() {
  static const Runtime runtime(make_runtime(RuntimeOptions(), true));
  return runtime;
}

std::size_t Runtime::worker_threads() const noexcept { return impl_->worker_threads(); }
std::size_t Runtime::memory_bytes() const noexcept { return impl_->memory().capacity(); }
std::size_t Runtime::memory_in_use_bytes() const noexcept { return impl_->memory().in_use(); }
bool Runtime::is_serial() const noexcept { return impl_->is_serial(); }

}  // namespace adapipe::inline v0_1
