// Writing without holding a thread: start_write(), async_write(), start_finish().

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <functional>
#include <future>
#include <stdexcept>

#include "api/writer_fixture.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/coroutine.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

Detached write_all(Writer& writer, const Bytes& plain, std::size_t block,
                   std::promise<Report>& end) {
  try {
    std::span<const std::byte> rest = plain;
    for (; !rest.empty(); rest = rest.subspan(std::min(block, rest.size())))
      co_await writer.async_write(rest.first(std::min(block, rest.size())));
    const Operation finishing = writer.start_finish();
    end.set_value(co_await finishing);
  } catch (...) {
    end.set_exception(std::current_exception());
  }
}

}  // namespace

TEST_CASE("start_write() tells when all has been taken, and refuses other calls meanwhile") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  const Bytes plain = random_bytes(50 * kChunk + 3, 1);
  Door door;
  SinkFate fate;
  Writer writer(pipeline_on(runtime, xor_stage()),
                Sink(std::make_unique<HookedStreamSink>(fate, [&](std::size_t) { door.wait(); })));
  std::promise<void> taken;
  writer.start_write(plain, [&] { taken.set_value(); });
  CHECK(thrown_kind([&] { writer.write(plain); }) == errc::invalid_argument);
  CHECK(thrown_kind([&] { writer.flush(); }) == errc::invalid_argument);
  door.open();
  taken.get_future().get();
  writer.write(plain);
  CHECK(writer.finish().input_bytes == 2 * plain.size());
  CHECK(fate.committed == 1);
}

TEST_CASE("a start_write() that cannot be taken any more ends as well") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1});
  SinkFate fate;
  Writer writer(pipeline_on(runtime, xor_stage()),
                Sink(std::make_unique<HookedStreamSink>(
                    fate, [](std::size_t) { throw Error(errc::io_error, "full"); })));
  std::promise<void> ended;
  const Bytes plain = random_bytes(50 * kChunk, 1);
  writer.start_write(plain, [&] { ended.set_value(); });
  ended.get_future().get();
  CHECK(thrown_kind([&] { writer.write({}); }) == errc::io_error);
}

TEST_CASE("a callback that post refuses may write on") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Runtime runtime({.worker_threads = 1, .post = [](const std::function<void()>&) {
                           throw std::runtime_error("closed");
                         }});
  const Bytes plain = random_bytes(50 * kChunk, 1);
  Bytes sealed;
  Writer writer(pipeline_on(runtime, xor_stage()), Sink::memory(sealed));
  std::promise<void> written;
  writer.start_write(plain, [&] {
    writer.write(plain);
    written.set_value();
  });
  written.get_future().get();
  CHECK(writer.finish().input_bytes == 2 * plain.size());
}

TEST_CASE("a coroutine writes and finishes without holding a thread, on every runtime") {
  const Watchdog watchdog(std::chrono::seconds(120));
  const Bytes plain = random_bytes(50 * kChunk + 3, 1);
  for (const auto& [name, runtime] : test_runtimes()) {
    for (const std::size_t block : {std::size_t{1000}, kChunk, 7 * kChunk}) {
      INFO(name << ", " << block);
      Bytes sealed;
      Writer writer(pipeline_on(runtime, xor_stage()), Sink::memory(sealed));
      std::promise<Report> end;
      write_all(writer, plain, block, end);
      CHECK(end.get_future().get().input_bytes == plain.size());
      CHECK(restored(sealed) == plain);
    }
  }
}

}  // namespace adapipe
