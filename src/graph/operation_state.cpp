#include "graph/operation_state.hpp"

#include <algorithm>
#include <utility>

namespace adapipe::inline v0_1 {
namespace {

// Made while there is memory, for whoever cancels may do it because there is none. And before
// static objects of the host's, so that they are there until the last of those has ended.
[[gnu::init_priority(1000)]] const Error kCancelled(errc::cancelled, "the operation was cancelled");
[[gnu::init_priority(1000)]] const Error kNoRoom(errc::resource_exhausted,
                                                 "the Runtime has no room for one more operation");

}  // namespace

OperationState::OperationState(RuntimeImpl& runtime, std::unique_ptr<Job> job, StartOptions options)
    : runtime_(runtime),
      account_(std::in_place, runtime.memory()),
      job_(std::move(job)),
      stop_(std::move(options.stop)),
      max_in_flight_(options.max_in_flight),
      may_queue_(options.may_queue),
      started_(std::chrono::steady_clock::now()),
      meter_(std::move(options.on_progress)),
      watch_(runtime.counters(), job_->kind()) {}

OperationState::~OperationState() = default;

Operation OperationState::start(const Runtime& runtime, std::unique_ptr<Job> job,
                                StartOptions options) {
  RuntimeImpl& impl = runtime.impl();
  impl.check_not_forked();
  auto state = std::make_shared<OperationState>(impl, std::move(job), std::move(options));
  Operation operation(runtime, state);
  if (impl.is_serial())
    state->run_in_place();
  else
    state->start_in_background();
  return operation;
}

Operation OperationState::start_to_wait(const Runtime& runtime, std::unique_ptr<Job> job,
                                        StartOptions options) {
  RuntimeImpl& impl = runtime.impl();
  impl.check_not_forked();
  if (!impl.runs_on_this_thread()) return start(runtime, std::move(job), std::move(options));
  auto state = std::make_shared<OperationState>(impl, std::move(job), std::move(options));
  Operation operation(runtime, state);
  state->run_in_place();
  return operation;
}

Report OperationState::run(const Runtime& runtime, std::unique_ptr<Job> job, StartOptions options) {
  return start_to_wait(runtime, std::move(job), std::move(options)).state_->take();
}

void OperationState::start_in_background() {
  const auto self = shared_from_this();
  watch_.started();
  on_stop_.emplace(stop_, [this] { cancel(); });
  if (failed()) return complete();
  try {
    queue_at(
        runtime_.operations(), [](std::size_t free) { return std::min<std::size_t>(free, 1); },
        held_places_, &OperationState::prepare);
  } catch (...) {  // it was not queued
    fail(FailureLatch::current_exception_as_error(errc::resource_exhausted));
    complete();
  }
}

OperationState::Begun OperationState::begin(const Runtime& runtime, std::unique_ptr<Job> job,
                                            StartOptions options) {
  RuntimeImpl& impl = runtime.impl();
  impl.check_not_forked();
  auto state = std::make_shared<OperationState>(impl, std::move(job), std::move(options));
  const bool in_place = impl.is_serial() || impl.runs_on_this_thread();
  Begun begun{Operation(runtime, state), state, in_place};
  if (in_place)
    state->begin_in_place();
  else
    state->start_in_background();
  return begun;
}

bool OperationState::advance() {
  if (done()) return false;
  if (serial_ && serial_->run_chunk()) return true;
  finish();
  return false;
}

void OperationState::run_in_place() {
  begin_in_place();
  while (advance()) {
  }
}

void OperationState::begin_in_place() {
  watch_.started();
  on_stop_.emplace(stop_, [this] { cancel(); });
  try {
    if (!failed()) {
      job_->prepare(1, *account_);
      meter_.set_total(job_->plain_bytes());
      measure_need();
      // Not queued for: this thread may be inside the operation that holds the budget.
      max_slots_ = 1;
      if (runtime_.memory().try_extend(cost_.bytes_for(1))) held_bytes_ = cost_.bytes_for(1);
      slots_ = std::make_unique<SlotPool>(1);
      job_->chain().introduce_to(watch_);
      workers_ = std::make_unique<ChainWorkers>(job_->chain(), 1, &watch_);
      serial_.emplace(job_->producer(), job_->chain(), job_->consumer(), slots_->take(), *workers_,
                      *this, watch_);
    }
  } catch (...) {
    fail(FailureLatch::current_exception_as_error(errc::io_error));
  }
}

void OperationState::prepare() {
  try {
    if (!failed()) job_->prepare(runtime_.worker_threads(), *account_);
    if (!failed()) meter_.set_total(job_->plain_bytes());
    if (!failed()) return ask_for_memory();
  } catch (...) {
    fail(FailureLatch::current_exception_as_error(errc::io_error));
  }
  finish();
}

void OperationState::measure_need() {
  chunk_bytes_ = job_->largest_chunk_bytes();
  cost_ = chunk_cost(job_->chain(), chunk_bytes_, runtime_.worker_threads());
  list_bytes_ = MemoryAccount::counted(job_->list_bytes());
  const std::size_t budget = runtime_.memory().capacity();
  const std::size_t one = cost_.bytes_for(1);
  if (one > budget)
    throw Error(errc::resource_exhausted, "one chunk needs " + std::to_string(one) +
                                              " bytes, more than the whole memory budget of " +
                                              std::to_string(budget) +
                                              ": it takes smaller chunks or a larger budget");
  if (list_bytes_ > budget - one)
    throw Error(errc::resource_exhausted,
                "the list of all chunks will take " + std::to_string(list_bytes_) +
                    " bytes of the memory budget, and a chunk " + std::to_string(one) +
                    ", more than the whole budget of " + std::to_string(budget) +
                    ": it takes larger chunks or a larger budget");
}

void OperationState::ask_for_memory() {
  measure_need();
  max_slots_ = max_in_flight_;
  if (max_slots_ == 0) max_slots_ = 2 * runtime_.worker_threads() + 2;
  const std::size_t most = cost_.most_within(runtime_.memory().capacity());
  max_slots_ = std::clamp<std::size_t>(max_slots_, 1, std::max<std::size_t>(most, 1));
  if (const auto chunks = job_->producer().chunks())
    max_slots_ = static_cast<std::size_t>(std::clamp<std::uint64_t>(*chunks, 1, max_slots_));
  const auto take = [this](std::size_t free) -> std::size_t {
    // Half of what is free at most, so that the next one need not wait for this one's end.
    std::size_t slots = max_slots_;
    while (slots > 1 && cost_.bytes_for(slots) + list_bytes_ > free / 2) --slots;
    const std::size_t bytes = cost_.bytes_for(slots) + list_bytes_;
    return bytes <= free ? bytes : 0;
  };
  queue_at(runtime_.memory(), take, held_bytes_, &OperationState::build_graph);
}

void OperationState::build_graph() {
  account_->take_over(list_bytes_);
  held_bytes_ -= list_bytes_;
  while (max_slots_ > 1 && cost_.bytes_for(max_slots_) > held_bytes_) --max_slots_;
  try {
    runtime_.workers().enqueue([self = shared_from_this()] { self->run_graph(); });
  } catch (...) {
    fail(FailureLatch::current_exception_as_error(errc::resource_exhausted));
    finish();
  }
}

void OperationState::run_graph() noexcept {
  try {
    slots_ = std::make_unique<SlotPool>(max_slots_);
    job_->backlog().begin(max_slots_, runtime_.worker_threads());
    job_->chain().introduce_to(watch_);
    workers_ = std::make_unique<ChainWorkers>(job_->chain(), runtime_.worker_threads(), &watch_);
    // Waiting for the graph runs whatever else the arena has, so nothing may depend on its end: not
    // this operation's, which a stage of another one may be waiting for.
    take_down_ = runtime_.workers().prepare([self = shared_from_this()] {
      self->graph_->wait();
      self->graph_.reset();
    });
    graph_ =
        std::make_unique<FlowGraph>(FlowParts{.producer = job_->producer(),
                                              .chain = job_->chain(),
                                              .consumer = job_->consumer(),
                                              .slots = *slots_,
                                              .workers = *workers_,
                                              .io = runtime_.io(),
                                              .most_waiting_reads = runtime_.reads_per_operation(),
                                              .backlog = job_->backlog(),
                                              .control = *this,
                                              .watch = watch_});
  } catch (...) {
    take_down_ = {};
    fail(FailureLatch::current_exception_as_error(errc::resource_exhausted));
    return on_io_thread(&OperationState::finish);
  }
  graph_->activate();
}

void OperationState::chunk_done(const ChunkSlot& slot) {
  meter_.add(slot.plain_bytes, job_->chain().record_header_bytes() + slot.stored_bytes);
  if (!writes_are_awaited_.load()) return;
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void OperationState::drained() noexcept {
  try {
    runtime_.workers().enqueue_prepared(std::move(take_down_));
  } catch (...) {  // it runs all the same
  }
  on_io_thread(&OperationState::finish);
}

void OperationState::finish() {
  serial_.reset();
  try {
    if (!failed()) {
      meter_.finish();
      report_.stages = workers_->report();
      job_->finish();
      job_->await_sink();
    }
  } catch (...) {
    fail(FailureLatch::current_exception_as_error(errc::io_error));
  }
  if (latch_.close()) {
    try {
      job_->commit();
    } catch (...) {
      latch_.fail_commit(FailureLatch::current_exception_as_error(errc::io_error));
    }
  } else {
    job_->abandon();
  }
  complete();
}

void OperationState::complete() noexcept {
  const std::optional<Error> error = latch_.error();
  if (!error) {
    job_->fill(report_);
    report_.peak_buffer_bytes = held_bytes_;
    report_.max_in_flight = max_slots_;
    for (const StageReport& stage : report_.stages) report_.cpu += stage.time;
    report_.wall = std::chrono::steady_clock::now() - started_;
  }
  workers_.reset();
  slots_.reset();
  meter_.drop_callback();
  std::unique_ptr<Job> job;
  {
    const std::lock_guard lock(job_mutex_);
    job = std::move(job_);
  }
  job.reset();  // unlocked: what it holds is the caller's, and may cancel once more
  account_.reset();
  if (held_bytes_ > 0) runtime_.memory().leave(std::exchange(held_bytes_, 0));
  if (held_places_ > 0) runtime_.operations().leave(std::exchange(held_places_, 0));

  watch_.ended(error ? &*error : nullptr);
  const std::shared_ptr<ContinuationRunner> runner = runtime_.continuations();
  Continuations continuations;
  std::function<void()> told;
  {
    const std::lock_guard lock(mutex_);
    error_ = error;
    done_.store(true, std::memory_order_release);
    continuations = std::move(continuations_);
    told = std::move(told_);
    changed_.notify_all();  // under the lock: the waiter may destroy the Runtime at once
  }
  if (told) told();
  if (!continuations.empty()) runner->run(std::move(continuations));
}

void OperationState::on_done(std::function<void()> continuation) {
  const std::shared_ptr<ContinuationRunner> runner = runtime_.continuations();
  Continuations one = runner->prepare(std::move(continuation));
  {
    const std::lock_guard lock(mutex_);
    if (!done_) return continuations_.splice(continuations_.end(), one);
  }
  runner->run(std::move(one));
}

void OperationState::tell_when_done(const Operation& operation, std::function<void()> told) {
  OperationState& state = *operation.state_;
  {
    const std::lock_guard lock(state.mutex_);
    if (!state.done_) {
      state.told_ = std::move(told);
      return;
    }
  }
  told();
}

void OperationState::fail(Error error) noexcept {
  if (!latch_.fail(std::move(error))) return;
  {
    const std::lock_guard lock(job_mutex_);
    if (job_) job_->cancel();
  }
  leave_queue();
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void OperationState::cancel() noexcept {
  if (!done()) fail(kCancelled);
}

void OperationState::on_io_thread(Step step) noexcept {
  const auto self = shared_from_this();
  try {
    runtime_.io().submit([self, step] { ((*self).*step)(); });
  } catch (...) {
    fail(FailureLatch::current_exception_as_error(errc::resource_exhausted));
    ((*this).*step)();
  }
}

void OperationState::queue_at(FifoGate& gate, FifoGate::Take take, std::size_t& held, Step then) {
  const auto self = shared_from_this();
  {
    const std::lock_guard lock(mutex_);
    queued_at_ = &gate;
  }
  const auto asked = OperationWatch::Clock::now();
  gate.enter(this, std::move(take), [self, this, &gate, &held, then, asked](std::size_t taken) {
    {
      const std::lock_guard lock(mutex_);
      queued_at_ = nullptr;
    }
    held = taken;
    const auto waited = OperationWatch::Clock::now() - asked;
    if (&gate == &runtime_.memory())
      watch_.waited_for_memory(waited);
    else
      watch_.waited_for_place(waited);
    on_io_thread(then);
  });
  // A fail() that came before the entry could not withdraw it.
  if ((failed() || !may_queue_) && gate.withdraw(this)) {
    fail(kNoRoom);
    on_io_thread(&OperationState::finish);
  }
}

void OperationState::leave_queue() noexcept {
  FifoGate* gate = nullptr;
  {
    const std::lock_guard lock(mutex_);
    gate = queued_at_;
  }
  if (gate && gate->withdraw(this)) on_io_thread(&OperationState::finish);
}

void OperationState::wait() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, runtime_.arena_or_null(), [this] { return done(); });
}

bool OperationState::wait_until_written(std::uint64_t plain_bytes) const {
  std::unique_lock lock(mutex_);
  writes_are_awaited_ = true;
  changed_.wait(lock, runtime_.arena_or_null(), [this, plain_bytes] {
    return done_ || failed() || meter_.plain_bytes() >= plain_bytes;
  });
  writes_are_awaited_ = false;
  return !failed();
}

bool OperationState::wait_for(std::chrono::nanoseconds timeout) const {
  std::unique_lock lock(mutex_);
  constexpr std::chrono::nanoseconds kForever = std::chrono::hours(24 * 365);
  return changed_.wait_for(lock, std::min(timeout, kForever), [this] { return done(); });
}

Report OperationState::get() const {
  wait();
  if (error_) throw Error(*error_);
  return report_;
}

Report OperationState::take() {
  wait();
  if (error_) throw Error(*error_);
  return std::move(report_);
}

}  // namespace adapipe::inline v0_1
