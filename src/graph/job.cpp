#include "graph/job.hpp"

#include "graph/failure_latch.hpp"
#include "io/fd_sink.hpp"

namespace adapipe::inline v0_1 {

SourceImpl& Job::open_source() {
  std::unique_ptr<SourceImpl> opened = std::move(source_).open();
  const std::lock_guard lock(mutex_);
  open_source_ = std::move(opened);
  if (stop_.stop_requested()) open_source_->cancel();
  return *open_source_;
}

SinkImpl& Job::open_sink(const SinkHints& hints) {
  std::unique_ptr<SinkImpl> opened = std::move(sink_).open(hints);
  const std::lock_guard lock(mutex_);
  open_sink_ = std::move(opened);
  if (stop_.stop_requested()) open_sink_->cancel();
  return *open_sink_;
}

namespace {

template <typename Action>
void about_sink(const SinkImpl& sink, const Action& action) {
  try {
    action();
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::io_error).in_file(sink.name());
  }
}

}  // namespace

void Job::await_sink() {
  if (open_sink_) about_sink(*open_sink_, [this] { await_reader(*open_sink_); });
}

void Job::commit() {
  if (open_sink_) about_sink(*open_sink_, [this] { open_sink_->commit(); });
}

void Job::sync() {
  about_sink(*open_sink_, [this] { open_sink_->sync(); });
}

void Job::abandon() noexcept {
  if (open_sink_) open_sink_->abandon();
}

void Job::cancel() noexcept {
  stop_.request_stop();
  const std::lock_guard lock(mutex_);
  if (open_source_) open_source_->cancel();
  if (open_sink_) open_sink_->cancel();
}

}  // namespace adapipe::inline v0_1
