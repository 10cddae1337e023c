#include "soak/endpoints.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "support/round_trip.hpp"

namespace adapipe::testing {

namespace {

constexpr char kOldContent[] = "the old content";

/// What is common to sources: the planned fault, and reads that give less than was asked for.
class ReadHook {
 public:
  ReadHook(const Plan& plan, Fault& fault) : plan_(plan), fault_(fault) {}
  std::span<std::byte> before(std::span<std::byte> to) {
    fault_.pass(FaultPlace::source);
    const std::size_t call = calls_++;
    return plan_.short_reads ? to.first(to.size() / (1 + call % 3) + (call % 3 != 0)) : to;
  }
  /// Whether a read in place should say that it would have to wait.
  bool would_wait() { return plan_.source_waits || calls_ % 3 == 2; }
  bool may_wait() const noexcept { return plan_.source_waits; }

 private:
  const Plan& plan_;
  Fault& fault_;
  std::atomic<std::size_t> calls_{0};
};

class HookedStreamSource final : public SourceImpl {
 public:
  HookedStreamSource(std::unique_ptr<SourceImpl> inner, const Plan& plan, Fault& fault)
      : inner_(std::move(inner)), hook_(plan, fault) {}
  std::size_t read(std::span<std::byte> to) override { return inner_->read(hook_.before(to)); }
  std::optional<std::uint64_t> size() const override { return inner_->size(); }
  void cancel() noexcept override { inner_->cancel(); }
  std::string name() const override { return inner_->name(); }
  std::optional<FileId> file_id() const override { return inner_->file_id(); }

 private:
  std::unique_ptr<SourceImpl> inner_;
  ReadHook hook_;
};

class HookedFileSource final : public PositionalSourceImpl {
 public:
  HookedFileSource(std::unique_ptr<SourceImpl> inner, const Plan& plan, Fault& fault)
      : owner_(std::move(inner)),
        inner_(dynamic_cast<PositionalSourceImpl&>(*owner_)),
        hook_(plan, fault) {}
  std::uint64_t total_bytes() const override { return inner_.total_bytes(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    return inner_.read_at(offset, hook_.before(to));
  }
  std::optional<std::size_t> try_read_at(std::uint64_t offset, std::span<std::byte> to) override {
    if (hook_.would_wait()) return std::nullopt;
    return inner_.try_read_at(offset, hook_.before(to));
  }
  void cancel() noexcept override { inner_.cancel(); }
  bool may_wait() const noexcept override { return hook_.may_wait() || inner_.may_wait(); }
  std::string name() const override { return inner_.name(); }
  std::optional<FileId> file_id() const override { return inner_.file_id(); }

 private:
  std::unique_ptr<SourceImpl> owner_;
  PositionalSourceImpl& inner_;
  ReadHook hook_;
};

/// What is common to sinks: the planned faults, and the history.
class WriteHook {
 public:
  WriteHook(std::unique_ptr<SinkImpl> inner, Fault& fault, SinkHistory& history)
      : inner_(std::move(inner)), fault_(fault), history_(history) {
    ++history_.opened;
  }
  SinkImpl& inner() const noexcept { return *inner_; }
  template <typename F>
  void write(bool alone, F write_inner) {
    if (has_ended_ || (inside_++ > 0 && alone)) ++history_.wrong_calls;
    const std::unique_ptr<std::atomic<int>, void (*)(std::atomic<int>*)> leave(
        &inside_, [](std::atomic<int>* inside) { --*inside; });
    fault_.pass(FaultPlace::sink);
    write_inner();
  }
  void commit() {
    if (has_ended_.exchange(true) || inside_ > 0) ++history_.wrong_calls;
    try {
      fault_.pass(FaultPlace::commit);
    } catch (...) {
      ++history_.failed_commits;
      inner_->abandon();
      throw;
    }
    inner_->commit();
    ++history_.commits;
  }
  void abandon() noexcept {
    if (has_ended_.exchange(true) || inside_ > 0) ++history_.wrong_calls;
    ++history_.abandons;
    inner_->abandon();
  }

 private:
  std::unique_ptr<SinkImpl> inner_;
  Fault& fault_;
  SinkHistory& history_;
  std::atomic<int> inside_{0};
  std::atomic<bool> has_ended_{false};
};

class HookedOrderedSink final : public SinkImpl {
 public:
  explicit HookedOrderedSink(std::unique_ptr<SinkImpl> inner, Fault& fault, SinkHistory& history)
      : hook_(std::move(inner), fault, history) {}
  void write(std::span<const std::byte> bytes) override {
    hook_.write(true, [&] { hook_.inner().write(bytes); });
  }
  void commit() override { hook_.commit(); }
  void abandon() noexcept override { hook_.abandon(); }
  void cancel() noexcept override { hook_.inner().cancel(); }
  std::string name() const override { return hook_.inner().name(); }

 private:
  WriteHook hook_;
};

class HookedAnywhereSink final : public PositionalSinkImpl {
 public:
  HookedAnywhereSink(std::unique_ptr<SinkImpl> inner, bool waits, Fault& fault,
                     SinkHistory& history)
      : inner_(dynamic_cast<PositionalSinkImpl&>(*inner)),
        waits_(waits),
        hook_(std::move(inner), fault, history) {}
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    hook_.write(inner_.max_concurrent_writes() == 1, [&] { inner_.write_at(offset, bytes); });
  }
  void commit() override { hook_.commit(); }
  void abandon() noexcept override { hook_.abandon(); }
  void cancel() noexcept override { inner_.cancel(); }
  bool may_wait() const noexcept override { return waits_; }
  std::size_t max_concurrent_writes() const noexcept override {
    return inner_.max_concurrent_writes();
  }
  bool holes_are_zeros() const noexcept override { return inner_.holes_are_zeros(); }
  std::string name() const override { return inner_.name(); }

 private:
  PositionalSinkImpl& inner_;
  const bool waits_;
  WriteHook hook_;
};

void feed(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put <= 0) return;  // nobody reads any more
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void drain(int fd, Bytes& to) {
  Bytes part(1 << 16);
  for (ssize_t got = 0; (got = ::read(fd, part.data(), part.size())) > 0;)
    to.insert(to.end(), part.begin(), part.begin() + got);
}

}  // namespace

void wait_until_stopped(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop, [] { return false; });
}

Pipe::Pipe() {
  if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category());
}

Pipe::~Pipe() {
  close_read();
  close_write();
}

void Pipe::close(int& end) noexcept {
  if (const int descriptor = std::exchange(end, -1); descriptor >= 0) ::close(descriptor);
}

TrialSource::TrialSource(const Plan& plan, const Bytes& bytes, const std::filesystem::path& dir,
                         Fault& fault)
    : plan_(plan), bytes_(bytes), path_(dir / "source"), fault_(fault) {}

TrialSource::~TrialSource() {
  if (pipe_) pipe_->close_read();  // the feeder may still be writing to it
}

Source TrialSource::plain() {
  switch (plan_.source) {
    case SourceType::owned:
      return Source::owned(bytes_);
    case SourceType::file:
      write_file(path_, bytes_);
      return path_;
    case SourceType::slice: {
      Bytes wider = from_text("before");
      wider.insert(wider.end(), bytes_.begin(), bytes_.end());
      wider.push_back(std::byte{1});
      return Source::slice(Source::owned(std::move(wider)), 6, bytes_.size());
    }
    case SourceType::stream:
      stream_.str({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
      return Source::from(stream_);
    case SourceType::pipe:
      pipe_ = std::make_unique<Pipe>();
      feeder_ = std::jthread([this](const std::stop_token& over) {
        const std::size_t half = plan_.pipes_stall ? bytes_.size() / 2 : bytes_.size();
        feed(pipe_->write_end(), std::span(bytes_).first(half));
        if (plan_.pipes_stall) wait_until_stopped(over);
        pipe_->close_write();
      });
      return Source::fd(pipe_->read_end());
    case SourceType::memory:
      break;
  }
  return Source::memory(bytes_);
}

Source TrialSource::get() {
  return Source(Source::Opener([this, source = plain()]() mutable -> std::unique_ptr<SourceImpl> {
    std::unique_ptr<SourceImpl> inner = std::move(source).open();
    if (dynamic_cast<PositionalSourceImpl*>(inner.get()))
      return std::make_unique<HookedFileSource>(std::move(inner), plan_, fault_);
    return std::make_unique<HookedStreamSource>(std::move(inner), plan_, fault_);
  }));
}

TrialSink::TrialSink(const Plan& plan, const std::filesystem::path& dir, Fault& fault)
    : plan_(plan), path_(dir / "sink"), fault_(fault) {}

TrialSink::~TrialSink() {
  if (pipe_) pipe_->close_write();  // the end, for the drainer
}

Sink TrialSink::plain() {
  switch (plan_.sink) {
    case SinkType::old_file:
      write_file(path_, from_text(kOldContent));
      [[fallthrough]];
    case SinkType::file:
      return Sink::file(path_, {.overwrite = plan_.sink == SinkType::old_file, .durable = false});
    case SinkType::stream:
      return Sink::to(stream_);
    case SinkType::pipe:
      pipe_ = std::make_unique<Pipe>();
      drainer_ = std::jthread([this](const std::stop_token& over) {
        if (plan_.pipes_stall) wait_until_stopped(over);
        drain(pipe_->read_end(), bytes_);
      });
      return Sink::fd(pipe_->write_end());
    case SinkType::memory:
      break;
  }
  return Sink::memory(bytes_);
}

Sink TrialSink::get() {
  return Sink(Sink::Opener(
      [this, sink = plain()](const SinkHints& hints) mutable -> std::unique_ptr<SinkImpl> {
        std::unique_ptr<SinkImpl> inner = std::move(sink).open(hints);
        if (dynamic_cast<PositionalSinkImpl*>(inner.get()))
          return std::make_unique<HookedAnywhereSink>(std::move(inner), plan_.sink_waits, fault_,
                                                      history_);
        return std::make_unique<HookedOrderedSink>(std::move(inner), fault_, history_);
      }));
}

Bytes TrialSink::content() {
  if (plan_.sink == SinkType::stream) return from_text(stream_.str());
  if (plan_.sink == SinkType::file || plan_.sink == SinkType::old_file) return read_file(path_);
  if (drainer_.joinable()) {
    pipe_->close_write();
    drainer_.request_stop();
    drainer_.join();
  }
  return bytes_;
}

bool TrialSink::has_left_files() const {
  for (const auto& entry : std::filesystem::directory_iterator(path_.parent_path()))
    if (const auto name = entry.path().filename(); name != "source" && name != "sink") return true;
  return false;
}

bool TrialSink::is_undone() {
  switch (plan_.sink) {
    case SinkType::memory:
      return bytes_.empty();
    case SinkType::file:
      return !std::filesystem::exists(path_);
    case SinkType::old_file:
      return content() == from_text(kOldContent);
    default:
      return true;
  }
}

}  // namespace adapipe::testing
