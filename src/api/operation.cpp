#include <adapipe/operation.hpp>
#include <utility>

#include "graph/operation_state.hpp"

namespace adapipe::inline v0_1 {

Operation::Operation(Runtime runtime, std::shared_ptr<OperationState> state) noexcept
    : runtime_(std::move(runtime)), state_(std::move(state)) {}

Operation::Operation(Operation&&) noexcept = default;

Operation& Operation::operator=(Operation&& other) noexcept {
  if (this != &other) {
    abandon();
    state_ = std::move(other.state_);
    runtime_ = other.runtime_;
  }
  return *this;
}

Operation::~Operation() { abandon(); }

void Operation::abandon() noexcept {
  if (!state_) return;
  state_->cancel();
  state_->wait();
  state_.reset();
}

Report Operation::get() const { return state_->get(); }
void Operation::wait() const { state_->wait(); }
bool Operation::wait_for(std::chrono::nanoseconds timeout) const {
  return state_->wait_for(timeout);
}
void Operation::cancel() const noexcept { state_->cancel(); }
Progress Operation::progress() const noexcept { return state_->progress(); }
const Error* Operation::error() const noexcept { return state_->error(); }

}  // namespace adapipe::inline v0_1
