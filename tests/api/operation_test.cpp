#include <pthread.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <exception>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/coroutine.hpp"
#include "support/endpoints.hpp"
#include "support/pipelines.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

const Bytes& plain() {
  static const Bytes bytes = compressible_bytes(5 * kChunk + 1, 1);
  return bytes;
}

/// An operation that goes on as long as `door` is shut, and ends then, failing if `fails`.
Operation start_behind(Door& door, const Runtime& runtime, bool fails = false) {
  return pipeline_on(runtime).start(
      Source(std::make_unique<HookedStream>(plain(),
                                            [&door, fails](std::size_t) {
                                              door.wait();
                                              if (fails) throw Error(errc::io_error, "no luck");
                                            })),
      Sink::discard());
}

std::string this_threads_name() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

}  // namespace

TEST_CASE("a completion callback runs once, when the operation has ended and given all back") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (const bool fails : {false, true}) {
    const Runtime runtime({.worker_threads = 1, .thread_name = "mine"});
    Door door;
    const Operation operation = start_behind(door, runtime, fails);
    std::promise<std::string> thread;
    operation.on_completion([&] {
      CHECK(operation.done());
      CHECK(runtime.memory_in_use_bytes() == 0);
      CHECK((operation.error() != nullptr) == fails);
      thread.set_value(this_threads_name());
    });
    CHECK_FALSE(operation.done());
    door.open();
    CHECK(thread.get_future().get() == "mine-then");

    std::promise<void> late;  // registered after the end
    operation.on_completion([&] { late.set_value(); });
    late.get_future().get();
  }
}

TEST_CASE("completion callbacks run in the order in which they were given") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  Door door;
  const Operation operation = start_behind(door, runtime);
  std::vector<int> order;
  std::promise<void> last;
  for (int i = 0; i < 5; ++i)
    operation.on_completion([&, i] {
      order.push_back(i);
      if (i == 4) last.set_value();
    });
  door.open();
  last.get_future().get();
  CHECK(order == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("a callback may destroy the operation and the last handle of its runtime") {
  const Watchdog watchdog(std::chrono::seconds(120));
  for (int repetition = 0; repetition < 200; ++repetition) {
    std::optional<Runtime> runtime(std::in_place, RuntimeOptions{.worker_threads = 2});
    Door door;
    std::optional<Operation> operation(start_behind(door, *runtime));
    runtime.reset();
    std::promise<void> destroyed;
    operation->on_completion([&] {
      operation.reset();
      destroyed.set_value();
    });
    door.open();
    destroyed.get_future().get();
  }
}

TEST_CASE("with a post of the host's own, callbacks run where it puts them") {
  const Watchdog watchdog(std::chrono::seconds(60));
  std::promise<std::function<void()>> posted;
  const Runtime runtime({.worker_threads = 1, .post = [&](std::function<void()> callback) {
                           posted.set_value(std::move(callback));
                         }});
  Door door;
  const Operation operation = start_behind(door, runtime);
  std::thread::id ran_on;
  operation.on_completion([&] { ran_on = std::this_thread::get_id(); });
  door.open();
  posted.get_future().get()();
  CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("what a posted callback holds is let go where it ran, not by the operation") {
  const Watchdog watchdog(std::chrono::seconds(60));
  std::promise<std::thread::id> posted_to, let_go_on;
  const Runtime runtime({.worker_threads = 1, .post = [&](std::function<void()> callback) {
                           std::thread executor([&, callback = std::move(callback)]() mutable {
                             posted_to.set_value(std::this_thread::get_id());
                             callback();
                             callback = nullptr;
                           });
                           executor.join();
                         }});
  Door door;
  const Operation operation = start_behind(door, runtime);
  std::shared_ptr<int> held(new int(0), [&](const int* number) {
    delete number;
    let_go_on.set_value(std::this_thread::get_id());
  });
  operation.on_completion([held = std::move(held)] {});
  door.open();
  CHECK(let_go_on.get_future().get() == posted_to.get_future().get());
}

TEST_CASE("a callback that post refuses runs on a thread of its own") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime(
      {.worker_threads = 1, .thread_name = "mine", .post = [](const std::function<void()>&) {
         throw std::runtime_error("closed");
       }});
  Door door;
  const Operation operation = start_behind(door, runtime);
  std::promise<std::string> thread;
  operation.on_completion([&] { thread.set_value(this_threads_name()); });
  door.open();
  CHECK(thread.get_future().get() == "mine-then");
}

TEST_CASE("on the serial runtime a callback runs on the calling thread, before start() is over") {
  const Operation operation =
      pipeline_on(Runtime::serial()).start(Source::memory(plain()), Sink::discard());
  std::thread::id ran_on;
  operation.on_completion([&] { ran_on = std::this_thread::get_id(); });
  CHECK(ran_on == std::this_thread::get_id());
}

namespace {

Detached process_and_restore(const Runtime& runtime, std::promise<Bytes>& result,
                             std::string& goes_on_in) {
  Bytes sealed, back;
  const Operation processing =
      pipeline_on(runtime).start(Source::memory(plain()), Sink::memory(sealed));
  const Report made = co_await processing;
  goes_on_in = this_threads_name();
  CHECK(made.input_bytes == plain().size());
  const Operation restoring =
      start_restore(Source::memory(sealed), Sink::memory(back), {.runtime = runtime});
  co_await restoring;
  result.set_value(std::move(back));
}

Detached expect_failure(Door& door, const Runtime& runtime, std::promise<std::string>& what) {
  try {
    const Operation failing = start_behind(door, runtime, true);
    co_await failing;
    what.set_value("");
  } catch (const Error& error) {
    what.set_value(error.what());
  }
}

Detached await_all(AllOperations all, std::promise<std::vector<Report>>& result) {
  try {
    result.set_value(co_await all);
  } catch (...) {
    result.set_exception(std::current_exception());
  }
}

}  // namespace

TEST_CASE("co_await gives the report, on every runtime") {
  const Watchdog watchdog(std::chrono::seconds(120));
  for (const auto& [name, runtime] : test_runtimes()) {
    INFO(name);
    for (int repetition = 0; repetition < 50; ++repetition) {
      std::promise<Bytes> back;
      std::string thread;
      process_and_restore(runtime, back, thread);
      CHECK(back.get_future().get() == plain());
    }
  }
}

TEST_CASE("co_await throws the error that ended the operation") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  Door door;
  std::promise<std::string> what;
  expect_failure(door, runtime, what);
  door.open();
  CHECK_THAT(what.get_future().get(), Catch::Matchers::Contains("no luck"));
}

#if !ADAPIPE_CO_AWAIT_NEEDS_A_NAME
namespace {

Detached await_temporaries(std::promise<Bytes>& result) {
  const SharedKey key = SharedKey::generate();
  const Bytes context(100, std::byte{7});
  Bytes sealed, back;
  co_await Pipeline::Builder()
      .add(aes_256_gcm({.recipients = {key}}))
      .build()
      .start(Source::memory(plain()), Sink::memory(sealed),
             {.context = Bytes(100, std::byte{7}), .metadata = {{"name", std::string(100, 'n')}}});
  co_await start_restore(Source::memory(sealed), Sink::memory(back),
                         {.identities = {key}, .context = context});
  co_await when_all(
      start_verify(Source::memory(sealed), {.identities = {key}, .context = context}),
      start_verify(Source::memory(sealed), {.identities = {key}, .context = context}));
  result.set_value(std::move(back));
}

}  // namespace

TEST_CASE("temporary operations can be awaited, options and all") {
  const Watchdog watchdog(std::chrono::seconds(60));
  for (int repetition = 0; repetition < 20; ++repetition) {
    std::promise<Bytes> back;
    await_temporaries(back);
    CHECK(back.get_future().get() == plain());
  }
}
#endif

TEST_CASE("when_all waits for the last one and gives the reports in the order of the list") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 2});
  const Bytes shorter(plain().begin(), plain().begin() + kChunk);
  Door door;
  Bytes sealed;
  Operation first = start_behind(door, runtime);
  Operation second = pipeline_on(runtime).start(Source::memory(shorter), Sink::memory(sealed));
  second.wait();
  std::promise<std::vector<Report>> result;
  await_all(when_all(std::move(first), std::move(second)), result);
  std::future<std::vector<Report>> future = result.get_future();
  CHECK(future.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  door.open();
  const std::vector<Report> reports = future.get();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].input_bytes == plain().size());
  CHECK(reports[1].input_bytes == shorter.size());
}

TEST_CASE("when_all throws the first error of the list, once all have ended") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 2});
  Door door;
  Door failing;
  const AllOperations all =
      when_all(start_behind(door, runtime), start_behind(failing, runtime, true));
  failing.open();
  all.operations()[1].wait();
  CHECK_FALSE(all.done());
  CHECK_FALSE(all.wait_for(std::chrono::nanoseconds(0)));
  door.open();
  all.wait();
  CHECK(all.done());
  CHECK(thrown_kind([&] { (void)all.get(); }) == errc::io_error);
}

TEST_CASE("when_all of nothing is done") {
  const AllOperations all = when_all(std::vector<Operation>());
  CHECK(all.done());
  CHECK(all.get().empty());
  bool called = false;
  all.on_completion([&] { called = true; });
  CHECK(called);
}

TEST_CASE("destroying what when_all made cancels all of it") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 2});
  Door door;
  SinkFate fate;
  {
    const AllOperations all = when_all(pipeline_on(runtime).start(
        Source(std::make_unique<HookedStream>(
            plain(), [&](std::size_t) { door.wait(); }, [&] { door.open(); })),
        Sink(std::make_unique<HookedStreamSink>(fate, BeforeCall()))));
    door.until_someone_waits();
  }
  CHECK(fate.abandoned == 1);
  CHECK(fate.committed == 0);
}

}  // namespace adapipe
