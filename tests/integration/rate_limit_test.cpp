#include <adapipe/adapipe.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

#include "io/limited_source.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoint_kinds.hpp"
#include "support/endpoints.hpp"
#include "support/manual_clock.hpp"
#include "support/pipelines.hpp"
#include "support/round_trip.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;
using namespace std::chrono_literals;

TEST_CASE("with a rate limit the same bytes come out, of every source, on every Runtime") {
  const Watchdog watchdog;
  const TempDir dir;
  const Bytes plain = compressible_bytes(20 * kChunk + 7, 1);
  const RateLimit limit = rate_limit(200'000'000);
  for (const auto& [runtime_name, runtime] : test_runtimes()) {
    INFO(runtime_name);
    const Runtime& on = runtime;
    const Pipeline pipeline = pipeline_on(on);
    for (const SourceKind& kind : source_kinds()) {
      INFO(kind.name);
      Bytes sealed;
      kind.with(plain, dir.path(), [&](Source source) {
        pipeline.process(std::move(source), Sink::memory(sealed), {.rate_limit = limit});
      });
      Bytes back;
      kind.with(sealed, dir.path(), [&](Source source) {
        restore(std::move(source), Sink::memory(back), {.runtime = on, .rate_limit = limit});
      });
      CHECK(back == plain);
    }
  }
}

TEST_CASE("rate limiting: an operation gets no byte more than its limit allows") {
  const Watchdog watchdog;
  const Bytes plain = compressible_bytes(20 * kChunk, 1);
  for (const bool is_stream : {true, false}) {
    ManualClock clock;
    const auto bucket = std::make_shared<TokenBucket>(100 * kChunk, clock);
    std::unique_ptr<SourceImpl> whole;
    if (is_stream)
      whole = std::make_unique<HookedStream>(plain, BeforeCall());
    else
      whole = std::make_unique<HookedSource>(plain, false, BeforeCall());
    Bytes sealed;
    const Operation operation =
        pipeline_on(Runtime({.worker_threads = 2}))
            .start(Source(limit_source(std::move(whole), bucket)), Sink::memory(sealed));
    std::size_t steps = 0;
    for (; !operation.done(); ++steps) {
      while (bucket->waiting() == 0 && !operation.done()) std::this_thread::yield();
      CHECK(operation.progress().bytes_done <= steps * kChunk);
      clock.advance(10ms);  // a chunk's worth
      bucket->wake();
    }
    CHECK(operation.get().input_bytes == plain.size());
    CHECK(steps >= 20);
  }
}

TEST_CASE("an operation that waits for its limit holds up no neighbour, and can be stopped") {
  const Watchdog watchdog;
  const Bytes plain = compressible_bytes(20 * kChunk, 1);
  const Runtime runtime({.worker_threads = 1});
  const Pipeline pipeline = pipeline_on(runtime);
  for (const bool is_stream : {true, false}) {
    Bytes slow;
    const auto source = [&] {
      return is_stream ? Source(std::make_unique<HookedStream>(plain, BeforeCall()))
                       : Source::memory(plain);
    };
    const RateLimit limit = rate_limit(1);  // a day's work
    const Operation waits = pipeline.start(source(), Sink::memory(slow), {.rate_limit = limit});
    until_waiting(*limit.bucket(), 1);
    for (int i = 0; i < 20; ++i) {
      Bytes sealed;
      CHECK(pipeline.process(source(), Sink::memory(sealed)).input_bytes == plain.size());
    }
    CHECK_FALSE(waits.done());
    waits.cancel();
    CHECK(thrown_kind([&] { waits.get(); }) == errc::cancelled);
    CHECK(limit.bucket()->waiting() == 0);
  }
}

TEST_CASE("a stop ends the wait for a limit on the serial Runtime too, and in restore and verify") {
  const Watchdog watchdog;
  const Bytes plain = compressible_bytes(20 * kChunk, 1);
  Bytes sealed;
  pipeline_on(Runtime::serial()).process(Source::memory(plain), Sink::memory(sealed));
  for (const auto& [runtime_name, runtime] : test_runtimes()) {
    INFO(runtime_name);
    using Run = std::function<void(const std::stop_token&, const RateLimit&)>;
    const Runtime& on = runtime;
    const Run process = [&](const std::stop_token& stop, const RateLimit& limit) {
      Bytes to;
      pipeline_on(on).process(Source::memory(plain), Sink::memory(to),
                              {.stop = stop, .rate_limit = limit});
    };
    const Run restore_it = [&](const std::stop_token& stop, const RateLimit& limit) {
      Bytes to;
      restore(Source::memory(sealed), Sink::memory(to),
              {.stop = stop, .runtime = on, .rate_limit = limit});
    };
    const Run verify_it = [&](const std::stop_token& stop, const RateLimit& limit) {
      verify(Source::memory(sealed), {.stop = stop, .runtime = on, .rate_limit = limit});
    };
    const Run salvage_it = [&](const std::stop_token& stop, const RateLimit& limit) {
      Bytes to;
      salvage(Source::memory(sealed), Sink::memory(to),
              {.stop = stop, .runtime = on, .rate_limit = limit});
    };
    const Run write_it = [&](const std::stop_token& stop, const RateLimit& limit) {
      Bytes to;
      Writer writer(pipeline_on(on), Sink::memory(to), {.stop = stop, .rate_limit = limit});
      writer.write(plain);
      writer.finish();
    };
    for (const Run& run : {process, restore_it, verify_it, salvage_it, write_it}) {
      std::stop_source stop;
      const RateLimit limit = rate_limit(1);
      std::thread stops([&] {
        until_waiting(*limit.bucket(), 1);
        stop.request_stop();
      });
      CHECK(thrown_kind([&] { run(stop.get_token(), limit); }) == errc::cancelled);
      stops.join();
    }
  }
}

TEST_CASE("a limited Writer makes the chunks it would make without a limit") {
  const Watchdog watchdog;
  const Bytes plain = compressible_bytes(5 * kChunk + 1, 1);
  for (const auto& [runtime_name, runtime] : test_runtimes()) {
    INFO(runtime_name);
    Bytes sealed;
    Writer writer(pipeline_on(runtime), Sink::memory(sealed),
                  {.rate_limit = rate_limit(100 * kChunk)});
    writer.write(plain);
    CHECK(writer.finish().chunks == 6);
    Bytes back;
    restore(Source::memory(sealed), Sink::memory(back), {.runtime = runtime});
    CHECK(back == plain);
  }
}

}  // namespace adapipe
