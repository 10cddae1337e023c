#include <adapipe/trace.hpp>
#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>

#include "support/catch.hpp"

namespace adapipe {

namespace {

using TimePoint = StepEvent::TimePoint;
using std::chrono::microseconds;

std::string written(const TraceRecorder& trace) {
  std::ostringstream text;
  trace.write(text);
  return text.str();
}

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

/// A chunk that is begun at `ready`, waits 1 us for each of its steps, and is 1 us in each.
void record_chunk(TraceRecorder& trace, std::uint64_t chunk, TimePoint ready) {
  for (const Step step : {Step::read, Step::stage, Step::write}) {
    const TimePoint began = ready + microseconds(1);
    trace.step_ended({.operation = 1,
                      .chunk = chunk,
                      .step = step,
                      .stage = step == Step::stage ? "zstd" : "",
                      .ready = ready,
                      .began = began,
                      .ended = began + microseconds(1)});
    ready = began + microseconds(1);
  }
}

}  // namespace

TEST_CASE("a trace of nothing is a trace") {
  CHECK(written(TraceRecorder()) ==
        R"({"displayTimeUnit":"ms","traceEvents":[
{"pid":1,"ph":"M","name":"process_name","args":{"name":"adapipe"}}
],"otherData":{"dropped_steps":0}}
)");
}

TEST_CASE("a trace keeps the first steps, counts the others, and grows no further") {
  TraceRecorder trace(3);
  for (std::uint64_t number = 1; number <= 100; ++number) {
    trace.operation_started(number, OperationKind::process);
    record_chunk(trace, number, std::chrono::steady_clock::now());
    trace.operation_ended(number, nullptr);
  }
  CHECK(trace.dropped_steps() == 297);
  const std::string text = written(trace);
  CHECK(times(text, R"("ph":"X")") == 3);
  CHECK(times(text, R"("result":"ok")") == 1);
  CHECK(times(text, R"("dropped_steps":297)") == 1);
}

TEST_CASE("the bars of chunks have one name, for viewers give every name rows of its own") {
  TraceRecorder trace;
  const TimePoint now = std::chrono::steady_clock::now();
  for (std::uint64_t chunk = 0; chunk < 10; ++chunk) record_chunk(trace, chunk, now);
  const std::string text = written(trace);
  CHECK(times(text, R"("ph":"b","cat":"chunk")") == 10 * 4);
  CHECK(times(text, R"("name":"chunk")") == 10 * 2);
  CHECK(times(text, R"("name":"wait for zstd")") == 10 * 2);
}

TEST_CASE("a chunk that a Reader decodes once more has a bar for each time") {
  TraceRecorder trace;
  const TimePoint now = std::chrono::steady_clock::now();
  record_chunk(trace, 5, now + microseconds(10));
  record_chunk(trace, 5, now + microseconds(1000));
  record_chunk(trace, 5, now + microseconds(1001));  // decoded ahead, while it is asked for
  const std::string text = written(trace);
  CHECK(times(text, R"("name":"chunk")") == 3 * 2);
  CHECK(times(text, R"("args":{"chunks":0}})") == 2);
  CHECK(times(text, R"("args":{"chunks":2}})") == 1);
}

}  // namespace adapipe
