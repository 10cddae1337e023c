#include <fmt/format.h>
#include <unistd.h>

#include <adapipe/trace.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "observe/quoted.hpp"
#include "util/thread.hpp"

namespace adapipe::inline v0_1 {

namespace {

using Clock = std::chrono::steady_clock;

struct RecordedStep {
  StepEvent event;  // its `stage` points into the recorder's names
  int thread;
};

struct RecordedOperation {
  OperationKind kind;
  Clock::time_point began;
  std::optional<Clock::time_point> ended{};
  std::string_view result = "running";
};

/// The steps of a chunk from when it was begun, in their order.
using Way = std::vector<const StepEvent*>;

std::string_view name_of(const StepEvent& event) {
  switch (event.step) {
    case Step::read:
      return "read";
    case Step::write:
      return "write";
    case Step::stage:
      break;
  }
  return event.stage;
}

/// The events of one trace, as the "Trace Event Format" (Google) has them: X is a step on its
/// thread's row, b and e begin and end a bar of its own, C is a counter, M gives names.
class TraceWriter {
 public:
  TraceWriter(std::ostream& to, Clock::time_point begin) : to_(to), begin_(begin) {
    to_ << R"({"displayTimeUnit":"ms","traceEvents":[)";
    event(R"("ph":"M","name":"process_name","args":{"name":"adapipe"})");
  }

  void finish(std::size_t dropped_steps) {
    to_ << fmt::format("\n],\"otherData\":{{\"dropped_steps\":{}}}}}\n", dropped_steps);
  }

  void thread(int number, std::string_view name) {
    event(fmt::format(R"("ph":"M","name":"thread_name","tid":{},"args":{{"name":{}}})", number,
                      quoted(name)));
  }

  void operation(std::uint64_t number, const RecordedOperation& operation) {
    const std::string id = fmt::format("operation {}", number);
    const std::string_view kind = name_of(operation.kind);
    bar('b', id, operation.began, kind, fmt::format(R"("operation":{})", number));
    if (operation.ended)
      bar('e', id, *operation.ended, kind, fmt::format(R"("result":{})", quoted(operation.result)));
  }

  void step(const RecordedStep& recorded) {
    const StepEvent& e = recorded.event;
    event(fmt::format(R"("ph":"X","tid":{},"ts":{:.3f},"dur":{:.3f},"cat":"step","name":{},)"
                      R"("args":{{"operation":{},"chunk":{},"bytes_in":{},"bytes_out":{}}})",
                      recorded.thread, microseconds(e.began),
                      microseconds(e.ended) - microseconds(e.began), quoted(name_of(e)),
                      e.operation, e.chunk, e.bytes_in, e.bytes_out));
  }

  /// `number` tells ways apart.
  void chunk(std::size_t number, const Way& way) {
    const StepEvent& first = *way.front();
    const std::string id = fmt::format("chunk {}", number);
    bar('b', id, first.ready, "chunk",
        fmt::format(R"("operation":{},"chunk":{})", first.operation, first.chunk));
    for (const StepEvent* step : way) {
      const std::string wait = fmt::format("wait for {}", name_of(*step));
      bar('b', id, step->ready, wait);
      bar('e', id, step->began, wait);
    }
    bar('e', id, way.back()->ended, "chunk");
  }

  void chunks_in_flight(Clock::time_point when, std::int64_t chunks) {
    event(fmt::format(R"("ph":"C","ts":{:.3f},"name":"chunks in flight","args":{{"chunks":{}}})",
                      microseconds(when), chunks));
  }

 private:
  double microseconds(Clock::time_point when) const {
    return std::chrono::duration<double, std::micro>(when - begin_).count();
  }

  void event(const std::string& fields) {
    to_ << (is_first_ ? "\n" : ",\n") << "{\"pid\":1," << fields << '}';
    is_first_ = false;
  }

  /// Viewers give each name rows of its own, so which one it is stands in the arguments.
  void bar(char phase, const std::string& id, Clock::time_point when, std::string_view name,
           const std::string& arguments = {}) {
    event(fmt::format(R"("ph":"{}","cat":"chunk","id":"{}","ts":{:.3f},"name":{},"args":{{{}}})",
                      phase, id, microseconds(when), quoted(name), arguments));
  }

  std::ostream& to_;
  const Clock::time_point begin_;
  bool is_first_ = true;
};

/// A Reader may decode a chunk several times, also at once: each time it goes a way of its own.
std::vector<Way> ways_of(const std::deque<RecordedStep>& steps) {
  std::vector<const StepEvent*> by_time;
  for (const RecordedStep& step : steps) by_time.push_back(&step.event);
  // Threads may have told of them in another order.
  std::stable_sort(by_time.begin(), by_time.end(), [](const StepEvent* a, const StepEvent* b) {
    return std::pair(a->began, a->ended) < std::pair(b->began, b->ended);
  });
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<Way>> of_chunks;
  for (const StepEvent* step : by_time) {
    std::vector<Way>& ways = of_chunks[{step->operation, step->chunk}];
    const auto goes_on = [step](const Way& way) { return way.back()->ended == step->ready; };
    // The reading is what a way begins with.
    const auto way =
        step->step == Step::read ? ways.rend() : std::find_if(ways.rbegin(), ways.rend(), goes_on);
    (way == ways.rend() ? ways.emplace_back() : *way).push_back(step);
  }
  std::vector<Way> all;
  for (auto& [chunk, ways] : of_chunks)
    all.insert(all.end(), std::move_iterator(ways.begin()), std::move_iterator(ways.end()));
  return all;
}

}  // namespace

struct TraceRecorder::State {
  explicit State(std::size_t most) noexcept : max_steps(most) {}

  const std::size_t max_steps;
  const Clock::time_point begin = Clock::now();
  mutable std::mutex mutex;
  std::deque<RecordedStep> steps;
  std::size_t dropped = 0;
  std::set<std::string, std::less<>> names;  // of stages
  std::map<int, std::string> threads;        // their names, by the system's number
  std::map<std::uint64_t, RecordedOperation> operations;
};

TraceRecorder::TraceRecorder(std::size_t max_steps) : state_(std::make_unique<State>(max_steps)) {}
TraceRecorder::~TraceRecorder() = default;

void TraceRecorder::operation_started(std::uint64_t operation, OperationKind kind) noexcept {
  const std::lock_guard lock(state_->mutex);
  if (std::max(state_->steps.size(), state_->operations.size()) >= state_->max_steps) return;
  try {
    state_->operations.emplace(operation, RecordedOperation{.kind = kind, .began = Clock::now()});
  } catch (...) {  // without memory for it, its steps are recorded all the same
  }
}

void TraceRecorder::step_ended(const StepEvent& event) noexcept {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.steps.size() >= state.max_steps) {
    ++state.dropped;
    return;
  }
  try {
    RecordedStep step{event, ::gettid()};
    auto name = state.names.find(event.stage);
    if (name == state.names.end()) name = state.names.emplace(event.stage).first;
    step.event.stage = *name;
    if (!state.threads.contains(step.thread))
      state.threads.emplace(step.thread, this_threads_name());
    state.steps.push_back(step);
  } catch (...) {
    ++state.dropped;
  }
}

void TraceRecorder::operation_ended(std::uint64_t operation, const Error* error) noexcept {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->operations.find(operation);
  if (found == state_->operations.end()) return;
  found->second.ended = Clock::now();
  found->second.result = error ? name_of(error->kind()) : "ok";
}

std::size_t TraceRecorder::dropped_steps() const noexcept {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

void TraceRecorder::write(std::ostream& to) const {
  std::unique_lock lock(state_->mutex);
  const std::deque<RecordedStep> steps = state_->steps;
  const auto threads = state_->threads;
  const auto operations = state_->operations;
  const std::size_t dropped = state_->dropped;
  lock.unlock();

  TraceWriter writer(to, state_->begin);
  for (const auto& [number, name] : threads) writer.thread(number, name);
  for (const auto& [number, operation] : operations) writer.operation(number, operation);
  for (const RecordedStep& step : steps) writer.step(step);
  const std::vector<Way> ways = ways_of(steps);
  std::vector<std::pair<Clock::time_point, int>> changes;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    writer.chunk(i, ways[i]);
    changes.emplace_back(ways[i].front()->ready, 1);
    changes.emplace_back(ways[i].back()->ended, -1);
  }
  std::sort(changes.begin(), changes.end());
  std::int64_t in_flight = 0;
  for (const auto& [when, change] : changes) writer.chunks_in_flight(when, in_flight += change);
  writer.finish(dropped);
}

}  // namespace adapipe::inline v0_1
