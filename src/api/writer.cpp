#include <adapipe/error.hpp>
#include <adapipe/writer.hpp>
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "api/pipeline_plan.hpp"
#include "api/process_job.hpp"
#include "graph/failure_latch.hpp"
#include "graph/operation_state.hpp"
#include "graph/push_source.hpp"
#include "util/random.hpp"

namespace adapipe::inline v0_1 {

/// The writer's side of a ProcessJob whose source is a PushSource. In place, where the pipeline
/// runs on the thread that writes, a chunk is collected here before it is run.
class Writer::Impl {
 public:
  Impl(const Pipeline& pipeline, Sink sink, ProcessOptions options);
  ~Impl();

  void write(std::span<const std::byte> bytes);
  std::size_t try_write(std::span<const std::byte> bytes);
  void start_write(std::span<const std::byte> bytes, std::function<void()> taken);
  void flush(Durability durability);
  void flush_in_place(Durability durability);
  Operation finish();

 private:
  void check_usable() const;
  void collect(std::span<const std::byte> bytes);
  void run_collected();
  void run_to_the_end();
  [[noreturn]] void throw_failure();

  const Runtime runtime_;
  const std::shared_ptr<PushChannel> channel_;
  std::shared_ptr<OperationState> state_;
  std::optional<Operation> operation_;  // empty once finished
  bool in_place_ = false;
  std::vector<std::byte> collected_;  // in place
  std::uint64_t written_bytes_ = 0;
};

Writer::Impl::Impl(const Pipeline& pipeline, Sink sink, ProcessOptions options)
    : runtime_(runtime_of(pipeline.plan())),
      channel_(std::make_shared<PushChannel>(runtime_.impl().continuations(),
                                             runtime_.impl().arena_or_null())) {
  StartOptions start = start_options(options);
  // Not limited as other sources are: one read of it is one chunk.
  const auto limit = std::exchange(options.rate_limit, std::nullopt);
  auto source = std::make_unique<PushSource>(channel_, runtime_.impl().io_or_null(), limit);
  auto job = std::make_unique<ProcessJob>(pipeline.plan(), Source(std::move(source)),
                                          std::move(sink), std::move(options), system_random());
  auto begun = OperationState::begin(runtime_, std::move(job), std::move(start));
  state_ = std::move(begun.state);
  operation_ = std::move(begun.operation);
  in_place_ = begun.runs_in_place;
}

Writer::Impl::~Impl() {
  if (!operation_ || runtime_.impl().is_forked_copy()) return;
  operation_->cancel();
  run_to_the_end();
}

void Writer::Impl::write(std::span<const std::byte> bytes) {
  check_usable();
  written_bytes_ += bytes.size();
  if (in_place_) return collect(bytes);
  if (!channel_->write(bytes)) throw_failure();
}

std::size_t Writer::Impl::try_write(std::span<const std::byte> bytes) {
  check_usable();
  if (in_place_) {
    write(bytes);
    return bytes.size();
  }
  const std::size_t taken = channel_->try_write(bytes);
  written_bytes_ += taken;
  if (state_->done()) throw_failure();  // only an error ends it before finish()
  return taken;
}

void Writer::Impl::start_write(std::span<const std::byte> bytes, std::function<void()> taken) {
  check_usable();
  if (in_place_) {
    write(bytes);
    bytes = {};
  }
  // Once it is under way, `taken` may come at any moment, and destroy the Writer.
  const std::shared_ptr<PushChannel> channel = channel_;
  written_bytes_ += bytes.size();
  channel->start_write(bytes, std::move(taken));
}

void Writer::Impl::flush(Durability durability) {
  check_usable();
  if (in_place_) return flush_in_place(durability);
  channel_->end_chunk();
  if (!state_->wait_until_written(written_bytes_)) throw_failure();
  if (durability == Durability::machine && !channel_->run_inside([this] { state_->sync_sink(); }))
    throw_failure();
}

void Writer::Impl::flush_in_place(Durability durability) {
  run_collected();
  if (state_->failed()) throw_failure();
  if (durability == Durability::sink) return;
  try {
    state_->sync_sink();
  } catch (...) {
    state_->fail(FailureLatch::current_exception_as_error(errc::io_error));
    throw_failure();
  }
}

Operation Writer::Impl::finish() {
  check_usable();
  run_collected();
  channel_->end();
  run_to_the_end();
  Operation operation = *std::exchange(operation_, std::nullopt);
  return operation;
}

void Writer::Impl::check_usable() const {
  runtime_.impl().check_not_forked();
  if (!operation_) throw Error(errc::invalid_argument, "the Writer has been finished");
  if (channel_->is_writing())
    throw Error(errc::invalid_argument, "the Writer is still taking what start_write() gave it");
}

void Writer::Impl::collect(std::span<const std::byte> bytes) {
  const std::size_t chunk_bytes = state_->largest_chunk_bytes();
  while (!state_->failed() && !bytes.empty()) {
    const auto taken = bytes.first(std::min(bytes.size(), chunk_bytes - collected_.size()));
    collected_.insert(collected_.end(), taken.begin(), taken.end());
    bytes = bytes.subspan(taken.size());
    if (collected_.size() == chunk_bytes) run_collected();
  }
  if (state_->failed()) throw_failure();
}

void Writer::Impl::run_collected() {
  if (collected_.empty()) return;
  channel_->put_chunk(collected_);
  state_->advance();
  collected_.clear();
}

void Writer::Impl::run_to_the_end() {
  while (in_place_ && state_->advance()) {
  }
}

void Writer::Impl::throw_failure() {
  run_to_the_end();
  operation_->get();
  throw Error(errc::io_error, "internal error: the pipeline ended while it was written into");
}

Writer::Writer(const Pipeline& pipeline, Sink sink, ProcessOptions options)
    : impl_(std::make_unique<Impl>(pipeline, std::move(sink), std::move(options))) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Writer::Impl& Writer::impl() {
  if (!impl_) throw Error(errc::invalid_argument, "the Writer was moved from");
  return *impl_;
}

void Writer::write(std::span<const std::byte> bytes) { impl().write(bytes); }
std::size_t Writer::try_write(std::span<const std::byte> bytes) { return impl().try_write(bytes); }
void Writer::start_write(std::span<const std::byte> bytes, std::function<void()> taken) {
  impl().start_write(bytes, std::move(taken));
}
void Writer::flush(Durability durability) { impl().flush(durability); }
Report Writer::finish() { return impl().finish().get(); }
Operation Writer::start_finish() { return impl().finish(); }

}  // namespace adapipe::inline v0_1
