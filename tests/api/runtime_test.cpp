#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"
#include "util/machine.hpp"
#include "util/own_process.hpp"
#include "util/thread.hpp"

namespace adapipe {

using namespace testing;

namespace {

const Bytes& plain() {
  static const Bytes bytes = compressible_bytes(5 * kChunk + 1, 1);
  return bytes;
}

/// Calls `look` on a worker, an I/O thread and the thread for callbacks of a Runtime.
void on_each_thread_of(const Runtime& runtime, const std::function<void()>& look) {
  const auto stage = make_stage("test.looks", [&](const ChunkInfo& chunk, auto, auto&) {
    if (chunk.index == 0) look();
    return Outcome::unchanged;
  });
  const auto read = [&](std::size_t call) {
    if (call == 0) look();
  };
  Door door;
  const Operation operation =
      pipeline_on(runtime, stage)
          .start(Source(std::make_unique<HookedStream>(plain(),
                                                       [&](std::size_t call) {
                                                         door.wait();
                                                         read(call);
                                                       })),
                 Sink::discard());
  std::promise<void> looked;
  operation.on_completion([&] {
    look();
    looked.set_value();
  });
  door.open();
  looked.get_future().wait();
  operation.get();
}

/// As `top -H` shows them.
std::vector<std::string> thread_names_with(const std::string& prefix) {
  std::vector<std::string> names;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "comm");
    std::string name;
    if (std::getline(file, name) && name.starts_with(prefix)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::size_t stack_bytes_of_this_thread() {
  pthread_attr_t attributes;
  std::size_t bytes = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  pthread_attr_getstacksize(&attributes, &bytes);
  pthread_attr_destroy(&attributes);
  return bytes;
}

/// The exit status of a child of fork() that runs `body`; 0 if it returns true.
int status_of_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);  // the watchdog is not in the child
    ::_exit(body() ? 0 : 1);
  }
  int status = -1;
  return ::waitpid(child, &status, 0) == child ? status : -1;
}

std::optional<Writer>& writer_of_the_fork_handler() {
  static std::optional<Writer> writer;
  return writer;
}

// As a host does that forks: before main(), and so before the library has seen a Runtime.
[[gnu::constructor]] void drop_writer_in_children() {
  ::pthread_atfork(nullptr, nullptr, [] {
    if (!writer_of_the_fork_handler()) return;
    ::alarm(30);  // the watchdog is not in the child
    writer_of_the_fork_handler().reset();
  });
}

}  // namespace

TEST_CASE("a Runtime has a worker for each CPU that the process may use, unless it is told") {
  CHECK(Runtime().worker_threads() == usable_cpus());
  CHECK(Runtime::shared().worker_threads() == usable_cpus());
  CHECK(Runtime({.worker_threads = 3}).worker_threads() == 3);
  CHECK(Runtime::serial().worker_threads() == 1);
}

TEST_CASE("the threads of a Runtime can be told by their names, however long the name is") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const std::string name : {"mine", "mineLastingForEver"}) {
    const Runtime runtime({.worker_threads = 2, .thread_name = name});
    std::vector<std::string> looked;
    std::vector<std::string> names;
    on_each_thread_of(runtime, [&] {
      looked.push_back(this_threads_name());
      names = thread_names_with("mine");
    });
    const std::string cpu = name.substr(0, 11) + "-cpu";
    const std::string io = name.substr(0, 12) + "-io";
    const std::string then = name.substr(0, 10) + "-then";
    CHECK(looked == std::vector<std::string>{io, cpu, then});
    CHECK(std::count(names.begin(), names.end(), cpu) == 2);
    CHECK(std::count(names.begin(), names.end(), io) >= 1);
    CHECK(std::count(names.begin(), names.end(), then) == 1);
  }
}

TEST_CASE("all threads of a Runtime have the stack that was asked for") {
  const Watchdog watchdog(std::chrono::seconds(60));
  constexpr std::size_t kStack = std::size_t{16} << 20;  // more than any default
  const Runtime runtime({.worker_threads = 2, .stack_bytes = kStack});
  std::vector<std::size_t> stacks;
  on_each_thread_of(runtime, [&] { stacks.push_back(stack_bytes_of_this_thread()); });
  REQUIRE(stacks.size() == 3);
  for (const std::size_t bytes : stacks) CHECK(bytes >= kStack - 64 * 1024);
}

TEST_CASE("the smallest stack is enough for the stages that are shipped; others are refused") {
  const Watchdog watchdog(std::chrono::seconds(60));
  constexpr std::size_t kSmallest = std::size_t{4} << 20;
  CHECK(thrown_kind([] { (void)Runtime({.stack_bytes = kSmallest - 1}); }) ==
        errc::invalid_argument);
  CHECK(thrown_kind([] { (void)Runtime({.stack_bytes = SIZE_MAX}); }) == errc::resource_exhausted);
  const Runtime runtime({.worker_threads = 2, .stack_bytes = kSmallest});
  const SharedKey key = SharedKey::generate();
  for (const int level : {1, 19})
    for (const bool with_chacha : {false, true}) {
      Bytes sealed, back;
      const CipherOptions options{.recipients = {key}};
      Pipeline::Builder()
          .add(sha256())
          .add(zstd({.level = level}))
          .add(with_chacha ? chacha20_poly1305(options) : aes_256_gcm(options))
          .runtime(runtime)
          .build()
          .process(Source::memory(plain()), Sink::memory(sealed));
      restore(Source::memory(sealed), Sink::memory(back),
              {.identities = {key}, .runtime = runtime});
      CHECK(back == plain());
    }
}

TEST_CASE("workers keep to the CPUs that they are given, one for each") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const unsigned cpu : cpus_of_this_thread()) {
    const Runtime runtime({.cpus = {cpu}});
    CHECK(runtime.worker_threads() == 1);
    std::vector<unsigned> kept_to;
    const auto stage = make_stage("test.looks", [&](const ChunkInfo&, auto, auto&) {
      kept_to = cpus_of_this_thread();
      return Outcome::unchanged;
    });
    pipeline_on(runtime, stage).process(Source::memory(plain()), Sink::discard());
    CHECK(kept_to == std::vector{cpu});
  }
  CHECK(thrown_kind([] { (void)Runtime({.cpus = {1'000'000}}); }) == errc::invalid_argument);
}

TEST_CASE("handles, operations, pools of threads: whatever ends first, all ends") {
  const Watchdog watchdog(std::chrono::seconds(120));
  for (int repetition = 0; repetition < 100; ++repetition) {
    std::optional<Runtime> runtime(std::in_place, RuntimeOptions{.worker_threads = 2});
    std::optional<Pipeline> pipeline(pipeline_on(*runtime, xor_stage()));
    Door door;
    Bytes sealed;
    std::optional<Operation> waits(pipeline->start(
        Source(std::make_unique<HookedStream>(
            plain(), [&door](std::size_t) { door.wait(); }, [&door] { door.open(); })),
        Sink::discard()));
    std::optional<Operation> runs(pipeline->start(Source::memory(plain()), Sink::memory(sealed)));
    std::optional<Writer> writer(std::in_place, *pipeline, Sink::discard());
    writer->write(plain());
    const std::function<void()> ends[] = {[&] { runtime.reset(); }, [&] { pipeline.reset(); },
                                          [&] { waits.reset(); }, [&] { runs.reset(); },
                                          [&] { writer.reset(); }};
    std::vector<std::size_t> order{0, 1, 2, 3, 4};
    for (int i = 0; i < repetition; ++i) std::next_permutation(order.begin(), order.end());
    for (const std::size_t one : order) ends[one]();
  }
}

TEST_CASE("in a child of fork() every use of a Runtime is an error, and its end is none") {
  const Watchdog watchdog(std::chrono::seconds(60));
  struct CountEnds final : Observer {
    void operation_ended(std::uint64_t, const Error*) noexcept override { ++ends; }
    std::atomic<int> ends{0};
  };
  const auto observer = std::make_shared<CountEnds>();
  std::optional<Runtime> runtime(std::in_place,
                                 RuntimeOptions{.worker_threads = 2, .observer = observer});
  std::optional<Pipeline> pipeline(pipeline_on(*runtime, xor_stage()));
  Bytes sealed;
  pipeline->process(Source::memory(plain()), Sink::memory(sealed));
  std::optional<Reader> reader(Reader::open(
      Source::memory(sealed), {.registry = registry_of({xor_stage()}), .runtime = *runtime}));
  Door door;
  std::optional<Operation> live(pipeline->start(
      Source(std::make_unique<HookedStream>(plain(), [&door](std::size_t) { door.wait(); })),
      Sink::discard()));
  std::optional<Writer> writer(std::in_place, *pipeline, Sink::discard());
  writer->write(plain());
  door.until_someone_waits();
  Bytes few(10);
  const std::pair<const char*, std::function<void()>> uses[] = {
      {"process", [&] { pipeline->process(Source::memory(plain()), Sink::discard()); }},
      {"start", [&] { (void)pipeline->start(Source::memory(plain()), Sink::discard()); }},
      {"verify", [&] { verify(Source::memory(sealed), {.runtime = *runtime}); }},
      {"salvage", [&] { salvage(Source::memory(sealed), Sink::discard(), {.runtime = *runtime}); }},
      {"open",
       [&] {
         (void)Reader::open(Source::memory(sealed),
                            {.registry = registry_of({xor_stage()}), .runtime = *runtime});
       }},
      {"get", [&] { live->get(); }},
      {"wait", [&] { live->wait(); }},
      {"wait_for", [&] { live->wait_for(std::chrono::hours(1)); }},
      {"on_completion", [&] { live->on_completion([] {}); }},
      {"metrics", [&] { (void)runtime->metrics(); }},
      {"read_at", [&] { reader->read_at(0, std::span(few)); }},
      {"start_read", [&] { (void)reader->start_read(0, std::span(few)); }},
      {"write", [&] { writer->write(plain()); }},
      {"flush", [&] { writer->flush(); }},
      {"finish", [&] { writer->finish(); }},
      {"Writer", [&] { Writer(*pipeline, Sink::discard()).write(plain()); }},
  };
  for (const auto& [name, use] : uses) {
    INFO(name);
    const auto& tried = use;
    CHECK(status_of_child([&] { return thrown_kind(tried) == errc::resource_exhausted; }) == 0);
  }
  CHECK(status_of_child([&] {
          if (live->done() || live->error() || live->progress().bytes_done != 0) return false;
          live->cancel();
          live.reset();
          writer.reset();
          reader.reset();
          pipeline.reset();
          runtime.reset();
          return observer->ends == 1;  // it may be in the middle of anything, and is left alone
        }) == 0);
  door.open();
  CHECK(live->get().input_bytes == plain().size());
  CHECK(writer->finish().input_bytes == plain().size());
}

TEST_CASE("in a child that a stage forks, a Runtime is no more of use") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 2});
  int status = -1;
  const auto stage = make_stage("test.forks", [&](const ChunkInfo& chunk, auto, auto&) {
    const auto use = [&] {
      pipeline_on(runtime).process(Source::memory(plain()), Sink::discard());
    };
    if (chunk.index == 0)
      status = status_of_child([&] { return thrown_kind(use) == errc::resource_exhausted; });
    return Outcome::unchanged;
  });
  pipeline_on(runtime, stage).process(Source::memory(plain()), Sink::discard());
  CHECK(status == 0);
}

TEST_CASE("a child that was made without the handlers of pthread_atfork() is told, too") {
  const OwnProcess process;
  const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child == 0) ::_exit(process.is_this() ? 1 : 0);  // takes no memory: others may be at it
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(process.is_this());
}

TEST_CASE("a Writer ends in a handler of pthread_atfork() that is older than its Runtime") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 2});
  std::optional<Writer>& writer = writer_of_the_fork_handler();
  writer.emplace(pipeline_on(runtime), Sink::discard());
  writer->write(plain());
  CHECK(status_of_child([&] { return !writer; }) == 0);
  CHECK(writer->finish().input_bytes == plain().size());
  writer.reset();
}

TEST_CASE("what a child of fork() makes is told from what its own children have of it") {
  const OwnProcess process;
  CHECK(status_of_child([&] {
          const OwnProcess child;
          const auto in_grandchild = [&] { return !process.is_this() && !child.is_this(); };
          return !process.is_this() && child.is_this() && status_of_child(in_grandchild) == 0;
        }) == 0);
}

TEST_CASE("a serial Writer ends in a child of fork(), and goes on in its parent") {
  const Watchdog watchdog(std::chrono::seconds(60));
  Bytes sealed;
  std::optional<Writer> writer(std::in_place, pipeline_on(Runtime::serial(), xor_stage()),
                               Sink::memory(sealed));
  writer->write(plain());
  const Bytes before = sealed;
  CHECK(status_of_child([&] {
          writer.reset();
          return sealed == before;
        }) == 0);
  CHECK(writer->finish().input_bytes == plain().size());
}

}  // namespace adapipe
