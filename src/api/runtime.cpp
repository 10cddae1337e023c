#include <adapipe/runtime.hpp>
#include <utility>

#include "graph/runtime_impl.hpp"

namespace adapipe::inline v0_1 {

Runtime::Runtime(const RuntimeOptions& options)
    : Runtime(std::make_shared<RuntimeImpl>(options, false)) {}

Runtime::Runtime(std::shared_ptr<RuntimeImpl> impl) noexcept : impl_(std::move(impl)) {}

Runtime Runtime::shared() {
  static const Runtime runtime;
  return runtime;
}

Runtime Runtime::serial() {
  static const Runtime runtime(std::make_shared<RuntimeImpl>(RuntimeOptions(), true));
  return runtime;
}

std::size_t Runtime::worker_threads() const noexcept { return impl_->worker_threads(); }
std::size_t Runtime::memory_bytes() const noexcept { return impl_->memory().capacity(); }
std::size_t Runtime::memory_in_use_bytes() const noexcept { return impl_->memory().in_use(); }
bool Runtime::is_serial() const noexcept { return impl_->is_serial(); }

}  // namespace adapipe::inline v0_1
