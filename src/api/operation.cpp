#include <adapipe/operation.hpp>
#include <algorithm>
#include <atomic>
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
  if (!runtime_.impl().is_forked_copy()) {
    state_->cancel();
    state_->wait();
    state_.reset();
  } else {
    // Nobody ends it here, and nobody gives back what its threads hold.
    (void)std::make_unique<std::shared_ptr<OperationState>>(std::move(state_)).release();
  }
}

Report Operation::get() const {
  runtime_.impl().check_not_forked();
  return state_->get();
}
void Operation::wait() const {
  runtime_.impl().check_not_forked();
  state_->wait();
}
bool Operation::wait_for(std::chrono::nanoseconds timeout) const {
  runtime_.impl().check_not_forked();
  return state_->wait_for(timeout);
}
void Operation::cancel() const noexcept {
  if (!runtime_.impl().is_forked_copy()) state_->cancel();
}
Progress Operation::progress() const noexcept { return state_->progress(); }
const Error* Operation::error() const noexcept { return state_->error(); }
bool Operation::done() const noexcept { return state_->done(); }
void Operation::on_completion(std::function<void()> callback) const {
  runtime_.impl().check_not_forked();
  state_->on_done(std::move(callback));
}

AllOperations::AllOperations(std::vector<Operation> operations) noexcept
    : operations_(std::move(operations)) {}
AllOperations::AllOperations(AllOperations&&) noexcept = default;
AllOperations& AllOperations::operator=(AllOperations&& other) noexcept {
  if (this != &other) {
    cancel();
    operations_ = std::move(other.operations_);
  }
  return *this;
}
AllOperations::~AllOperations() { cancel(); }

std::vector<Report> AllOperations::get() const {
  wait();
  std::vector<Report> reports;
  reports.reserve(operations_.size());
  for (const Operation& operation : operations_) reports.push_back(operation.get());
  return reports;
}

void AllOperations::wait() const {
  for (const Operation& operation : operations_) operation.wait();
}

bool AllOperations::wait_for(std::chrono::nanoseconds timeout) const {
  using std::chrono::steady_clock;
  constexpr std::chrono::nanoseconds kForever = std::chrono::hours(24 * 365);
  const steady_clock::time_point end = steady_clock::now() + std::min(timeout, kForever);
  for (const Operation& operation : operations_)
    if (!operation.wait_for(end - steady_clock::now())) return false;
  return true;
}

void AllOperations::cancel() const noexcept {
  for (const Operation& operation : operations_) operation.cancel();
}

bool AllOperations::done() const noexcept {
  return std::all_of(operations_.begin(), operations_.end(),
                     [](const Operation& operation) { return operation.done(); });
}

void AllOperations::on_completion(std::function<void()> callback) const {
  struct Rest {
    std::atomic<std::size_t> count{0};
    std::function<void()> callback;
  };
  const auto rest = std::make_shared<Rest>();
  rest->count = operations_.size() + 1;
  rest->callback = std::move(callback);
  const auto count_down = [rest] {
    if (rest->count.fetch_sub(1, std::memory_order_acq_rel) == 1) rest->callback();
  };
  // Counted once more, for as long as this looks at the operations, which the callback may destroy.
  for (const Operation& operation : operations_) operation.on_completion(count_down);
  count_down();
}

}  // namespace adapipe::inline v0_1
