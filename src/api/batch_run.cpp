#include "api/batch_run.hpp"

#include <algorithm>
#include <utility>

#include "graph/failure_latch.hpp"
#include "graph/operation_state.hpp"
#include "util/machine.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::chrono::milliseconds kInterval{100};

}  // namespace

void BatchRun::Ended::put(std::size_t item) noexcept {
  const std::lock_guard lock(mutex_);
  items_.push_back(item);  // there is room for all
  changed_.notify_one();
}

void BatchRun::Ended::wake() noexcept {
  const std::lock_guard lock(mutex_);
  is_woken_ = true;
  changed_.notify_one();
}

void BatchRun::Ended::wait(std::optional<Clock::time_point> time,
                           std::vector<std::size_t>& items) noexcept {
  items.clear();
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return is_woken_ || !items_.empty(); };
  if (time)
    changed_.wait_until(lock, *time, ready);
  else
    changed_.wait(lock, ready);
  is_woken_ = false;
  items.swap(items_);
}

BatchRun::BatchRun(std::size_t items, const StartItem& start, BatchOptions options)
    : start_(start),
      options_(std::move(options)),
      results_(items),
      ended_(std::make_shared<Ended>(items)),
      show_at_(begun_ + kInterval) {
  collected_.reserve(items);
  done_.items_total = items;
}

std::vector<BatchResult> BatchRun::run() && {
  const std::stop_callback wake(options_.stop, [ended = ended_] { ended->wake(); });
  const std::size_t most = options_.max_running > 0 ? options_.max_running : 2 * usable_cpus() + 2;
  for (;;) {
    if (options_.stop.stop_requested()) stop();
    if (!is_stopped_ && next_ < results_.size() && running_.size() < most)
      begin(next_++);
    else if (!running_.empty())
      collect();
    else
      break;
    show_if_due();
  }
  for (; next_ < results_.size(); ++next_)
    results_[next_].error = Error(errc::cancelled, "the batch was stopped before its turn");
  if (options_.on_progress) show();
  return std::move(results_);
}

void BatchRun::begin(std::size_t item) {
  std::optional<Operation> ended;
  try {
    ended = start(item);
  } catch (...) {
    results_[item].error = FailureLatch::current_exception_as_error(errc::io_error);
    return end(item);
  }
  if (thrown_) std::rethrow_exception(thrown_);
  if (ended) end(item, *ended);
}

std::optional<Operation> BatchRun::start(std::size_t item) {
  Operation operation = start_(item);
  if (operation.done()) return operation;
  OperationState::tell_when_done(operation, [ended = ended_, item] { ended->put(item); });
  running_.emplace(item, std::move(operation));
  return std::nullopt;
}

void BatchRun::collect() {
  ended_->wait(options_.on_progress ? std::optional(show_at_) : std::nullopt, collected_);
  for (const std::size_t item : collected_) {
    const auto found = running_.find(item);
    if (found == running_.end()) continue;  // there was no memory to keep it
    const Operation operation = std::move(found->second);
    running_.erase(found);
    end(item, operation);
  }
}

void BatchRun::end(std::size_t item, const Operation& operation) {
  try {
    results_[item].report = operation.get();
  } catch (...) {
    results_[item].error = FailureLatch::current_exception_as_error(errc::io_error);
  }
  const Progress last = operation.progress();
  done_.all.bytes_done += last.bytes_done;
  done_.all.stored_bytes += last.stored_bytes;
  end(item);
}

void BatchRun::end(std::size_t item) {
  ++done_.items_done;
  started_ = {};
  const BatchResult& result = results_[item];
  if (result.error && options_.on_error == OnError::stop) stop();
  if (options_.on_item) options_.on_item(item, result);
}

void BatchRun::stop() noexcept {
  if (is_stopped_) return;
  is_stopped_ = true;
  for (const auto& [item, operation] : running_) operation.cancel();
}

void BatchRun::show_started(const Progress& progress) {
  started_ = progress;
  try {
    show_if_due();
  } catch (...) {
    thrown_ = std::current_exception();
    throw;
  }
}

void BatchRun::show_if_due() {
  if (options_.on_progress && Clock::now() >= show_at_) show();
}

void BatchRun::show() {
  BatchProgress progress = done_;
  Progress& all = progress.all;
  all.bytes_total = all.bytes_done;
  const auto add = [&all](const Progress& one) {
    all.bytes_done += one.bytes_done;
    all.stored_bytes += one.stored_bytes;
    if (all.bytes_total && one.bytes_total)
      *all.bytes_total += *one.bytes_total;
    else
      all.bytes_total.reset();
  };
  for (const auto& [item, operation] : running_) add(operation.progress());
  if (started_.bytes_done > 0) add(started_);
  if (next_ < results_.size()) all.bytes_total.reset();
  all.elapsed = Clock::now() - begun_;
  show_at_ = Clock::now() + kInterval;
  options_.on_progress(progress);
}

std::vector<BatchResult> run_all(std::size_t items, const StartItem& start, BatchOptions batch) {
  return BatchRun(items, start, std::move(batch)).run();
}

}  // namespace adapipe::inline v0_1
