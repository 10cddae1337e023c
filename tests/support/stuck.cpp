#include "support/stuck.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include "support/catch.hpp"
#include "support/key_providers.hpp"
#include "support/stages.hpp"

namespace adapipe::testing {

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kPageBytes = 4096;
constexpr int kPipeBytes = 1 << 20;  // what a sink makes of a pipe

/// Another source, with something happening before each read.
class NotedSource final : public SourceImpl {
 public:
  NotedSource(Source source, BeforeCall before)
      : inner_(std::move(source).open()), before_(std::move(before)) {}
  std::size_t read(std::span<std::byte> to) override {
    before_(calls_++);
    return inner_->read(to);
  }
  void cancel() noexcept override { inner_->cancel(); }

 private:
  std::unique_ptr<SourceImpl> inner_;
  BeforeCall before_;
  std::size_t calls_ = 0;
};

/// Another sink, with something happening before each write.
class NotedSink final : public SinkImpl {
 public:
  NotedSink(Sink sink, SinkFate& fate, BeforeCall before)
      : inner_(std::move(sink).open({})), fate_(fate), before_(std::move(before)) {}
  void write(std::span<const std::byte> bytes) override {
    before_(calls_++);
    inner_->write(bytes);
  }
  void commit() override { ++fate_.committed; }
  void abandon() noexcept override { ++fate_.abandoned; }
  void cancel() noexcept override { inner_->cancel(); }

 private:
  std::unique_ptr<SinkImpl> inner_;
  SinkFate& fate_;
  BeforeCall before_;
  std::size_t calls_ = 0;
};

/// What a key service does that is not there.
template <typename Result>
Result never_answers(Scene& scene, const std::stop_token& stop) {
  ++scene.inside;
  scene.reached.set_value();
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop, [] { return false; });
  --scene.inside;
  return {};
}

std::shared_ptr<const KeyProvider> absent_service(Scene& scene) {
  return std::make_shared<CallableProvider>(
      [&scene](auto, const auto& stop) {
        return never_answers<std::vector<std::byte>>(scene, stop);
      },
      [&scene](auto, const auto& stop) {
        return never_answers<std::optional<SharedKey>>(scene, stop);
      });
}

}  // namespace

Scene::~Scene() {
  if (pipe[0] >= 0) ::close(pipe[0]);
  if (pipe[1] >= 0) ::close(pipe[1]);
}

Pipeline Scene::pipeline() {
  auto builder = Pipeline::Builder();
  builder.add(stage ? stage : xor_stage()).runtime(runtime);
  if (provider) builder.add(aes_256_gcm({.recipients = {provider}}));
  return builder.chunk_size(ChunkSize::from_bytes(kChunk)).build();
}

Operation Scene::process(Source source, Sink sink) {
  return pipeline().start(std::move(source), std::move(sink), {.stop = stop.get_token()});
}

Source Scene::good_source() {
  return Source(std::make_unique<HookedSource>(plain, false, BeforeCall(), wake()));
}

BeforeCall Scene::arrive_at(std::size_t call) {
  return [this, call](std::size_t n) {
    if (n == call) reached.set_value();
  };
}

BeforeCall Scene::wait_at(std::size_t call) {
  return [this, call](std::size_t n) {
    if (n != call) return;
    ++inside;
    reached.set_value();
    door.wait();
    --inside;
  };
}

void Scene::make_pipe() {
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  ::fcntl(pipe[1], F_SETPIPE_SZ, kPipeBytes);
}

void Scene::make_full_pipe(bool but_for_a_page) {
  make_pipe();
  ::fcntl(pipe[1], F_SETFL, O_NONBLOCK);
  Bytes page(kPageBytes);
  while (::write(pipe[1], page.data(), page.size()) > 0) {
  }
  if (but_for_a_page) REQUIRE(::read(pipe[0], page.data(), page.size()) > 0);
  ::fcntl(pipe[1], F_SETFL, 0);
}

std::filesystem::path Scene::make_fifo() {
  const auto path = dir / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  return path;
}

const std::vector<Situation>& stuck_situations() {
  static const std::vector<Situation> situations{
      {"the header from a pipe", false,
       [](Scene& s) {
         s.make_pipe();
         return start_restore(
             Source(std::make_unique<NotedSource>(Source::fd(s.pipe[0]), s.arrive_at(0))),
             s.good_sink(), {.stop = s.stop.get_token(), .runtime = s.runtime});
       }},
      {"a chunk from a pipe", true,
       [](Scene& s) {
         s.make_pipe();
         return s.process(
             Source(std::make_unique<NotedSource>(Source::fd(s.pipe[0]), s.arrive_at(0))),
             s.good_sink());
       }},
      {"the writer of a FIFO", true,
       [](Scene& s) {
         return s.process(Source(std::make_unique<NotedSource>(s.make_fifo(), s.arrive_at(0))),
                          s.good_sink());
       }},
      {"room for the header in a pipe", true,
       [](Scene& s) {
         s.make_full_pipe(false);
         return s.process(s.good_source(), Sink(std::make_unique<NotedSink>(
                                               Sink::fd(s.pipe[1]), s.fate, s.arrive_at(0))));
       }},
      {"room for a chunk in a pipe", true,
       [](Scene& s) {
         s.make_full_pipe(true);
         return s.process(s.good_source(), Sink(std::make_unique<NotedSink>(
                                               Sink::fd(s.pipe[1]), s.fate, s.arrive_at(1))));
       }},
      {"the reader of a FIFO", true,
       [](Scene& s) {
         return s.process(s.good_source(),
                          Sink(std::make_unique<NotedSink>(s.make_fifo(), s.fate, s.arrive_at(0))));
       }},
      {"the host's stream", true,
       [](Scene& s) {
         return s.process(Source(std::make_unique<HookedStream>(s.plain, s.wait_at(3), s.wake())),
                          s.good_sink());
       }},
      {"the host's positional source", true,
       [](Scene& s) {
         return s.process(
             Source(std::make_unique<HookedSource>(s.plain, true, s.wait_at(3), s.wake())),
             s.good_sink());
       }},
      {"the host's sink", true,
       [](Scene& s) {
         return s.process(s.good_source(),
                          Sink(std::make_unique<HookedStreamSink>(s.fate, s.wait_at(3), s.wake())));
       }},
      {"a stage", true,
       [](Scene& s) {
         s.stage = make_stage("test.waits",
                              [wait = s.wait_at(3)](const ChunkInfo& chunk, auto in, auto& out) {
                                wait(chunk.index);
                                return xor_bytes(in, out, std::byte{1});
                              });
         return s.process(s.good_source(), s.good_sink());
       }},
      {"a key service, to wrap", true,
       [](Scene& s) {
         s.provider = absent_service(s);
         return s.process(s.good_source(), s.good_sink());
       }},
      {"a key service, to unwrap", false,
       [](Scene& s) {
         s.provider = std::make_shared<MaskingProvider>("callable", std::uint8_t{1});
         Bytes sealed;
         s.pipeline().process(Source::memory(s.plain), Sink::memory(sealed));
         return start_verify(Source::owned(std::move(sealed)),
                             {.identities = {absent_service(s)},
                              .stop = s.stop.get_token(),
                              .registry = registry_of({xor_stage()}),
                              .runtime = s.runtime});
       }},
  };
  return situations;
}

/// Ends `operation` and waits; with its error, if it can still be asked.
std::optional<errc> end(std::optional<Operation>& operation, Way way, std::stop_source& stop) {
  if (way == Way::destruction) {
    operation.reset();
    return std::nullopt;
  }
  if (way == Way::stop_token) stop.request_stop();
  if (way == Way::cancel) operation->cancel();
  operation->wait();
  return operation->error() ? operation->error()->kind() : errc{};
}

}  // namespace adapipe::testing
