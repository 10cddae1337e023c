#include <fmt/format.h>

#include <adapipe/metrics.hpp>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "observe/quoted.hpp"

namespace adapipe::inline v0_1 {

namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

std::string label(std::string_view name, std::string_view value) {
  return fmt::format("{}={}", name, quoted(value));
}

class Text {
 public:
  /// Begins a family; its samples follow.
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = fmt::format("adapipe_{}", name);
    append("# HELP {} {}\n# TYPE {} {}\n", name_, help, name_, type);
  }

  template <typename Value>
  void sample(const std::string& labels, Value value) {
    sample_of("", labels, value);
  }

  void histogram(const std::string& labels, const DurationHistogram& histogram) {
    const std::string before = labels.empty() ? "" : labels + ",";
    std::uint64_t below = 0;
    for (std::size_t i = 0; i + 1 < DurationHistogram::kBuckets; ++i) {
      below += histogram.counts[i];
      const double bound = seconds(DurationHistogram::bound(i));
      sample_of("_bucket", fmt::format("{}le=\"{}\"", before, bound), below);
    }
    below += histogram.counts.back();
    sample_of("_bucket", before + "le=\"+Inf\"", below);
    sample_of("_sum", labels, seconds(histogram.sum));
    sample_of("_count", labels, below);
  }

  /// A family of one sample.
  template <typename Value>
  void lone(std::string_view name, std::string_view type, std::string_view help, Value value) {
    family(name, type, help);
    sample("", value);
  }

  std::string take() && { return std::move(text_); }

 private:
  template <typename... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  template <typename Value>
  void sample_of(std::string_view suffix, const std::string& labels, Value value) {
    append("{}{}", name_, suffix);
    if (!labels.empty()) append("{{{}}}", labels);
    append(" {}\n", value);
  }

  std::string name_;
  std::string text_;
};

void write_operations(Text& text, const Metrics& metrics) {
  const auto each = [&](auto visit) {
    for (const OperationMetrics& one : metrics.operations)
      visit(label("kind", name_of(one.kind)), one);
  };
  text.family("operations_started_total", "counter", "Operations that were started.");
  each([&](const std::string& kind, const auto& one) { text.sample(kind, one.started); });
  text.family("operations_succeeded_total", "counter", "Operations that have succeeded.");
  each([&](const std::string& kind, const auto& one) { text.sample(kind, one.succeeded); });
  text.family("operations_failed_total", "counter", "Operations that have failed, by error.");
  each([&](const std::string& kind, const auto& one) {
    for (std::size_t e = 0; e < kErrcCount; ++e)  // also of 0, or the first would be missed
      text.sample(kind + "," + label("error", name_of(static_cast<errc>(e + 1))), one.failed[e]);
  });
  text.family("operations_running", "gauge",
              "Operations that have not ended, those that wait for their turn included.");
  each([&](const std::string& kind, const auto& one) { text.sample(kind, one.running()); });
  text.family("operation_duration_seconds", "histogram",
              "From the start of an operation to its end.");
  each([&](const std::string& kind, const auto& one) { text.histogram(kind, one.time); });

  text.family("operations_waiting", "gauge",
              "Operations that wait for their turn, by what they wait for.");
  text.sample(label("for", "place"), metrics.operations_waiting);
  text.sample(label("for", "memory"), metrics.operations_waiting_for_memory);
  text.family("operation_wait_seconds", "histogram",
              "How long operations have waited for their turn.");
  text.histogram(label("for", "place"), metrics.place_wait);
  text.histogram(label("for", "memory"), metrics.memory_wait);
}

std::string labels_of(const StepMetrics& one) {
  const std::string direction =
      label("direction", one.direction == Direction::forward ? "forward" : "backward");
  switch (one.step) {
    case Step::read:
      return label("step", "read") + "," + direction;
    case Step::write:
      return label("step", "write") + "," + direction;
    case Step::stage:
      break;
  }
  return label("step", "stage") + "," + label("stage", one.stage) + "," + direction;
}

void write_chunks(Text& text, const Metrics& metrics) {
  const auto each = [&](auto visit) {
    for (const StepMetrics& one : metrics.steps) visit(labels_of(one), one);
  };
  text.family("step_bytes_in_total", "counter", "Bytes of chunks that went into a step.");
  each([&](const std::string& step, const auto& one) { text.sample(step, one.bytes_in); });
  text.family("step_bytes_out_total", "counter", "Bytes of chunks that came out of a step.");
  each([&](const std::string& step, const auto& one) { text.sample(step, one.bytes_out); });
  text.family("step_duration_seconds", "histogram", "What a step takes for a chunk.");
  each([&](const std::string& step, const auto& one) { text.histogram(step, one.time); });
  text.family("step_wait_seconds", "histogram",
              "How long a chunk waits for a step, from the end of the one before.");
  each([&](const std::string& step, const auto& one) { text.histogram(step, one.wait); });
  text.family("chunk_duration_seconds", "histogram",
              "From when a chunk is begun to when it is written.");
  text.histogram("", metrics.chunk_time);
  text.lone("chunks_in_flight", "gauge", "Chunks that were begun and not yet written.",
            metrics.chunks_in_flight);
}

void write_resources(Text& text, const Metrics& metrics) {
  text.lone("memory_budget_bytes", "gauge", "Bytes that operations may hold.",
            metrics.memory_bytes);
  text.lone("memory_in_use_bytes", "gauge", "Bytes that operations hold.",
            metrics.memory_in_use_bytes);
  text.lone("cache_bytes", "gauge", "Decoded chunks that Readers share.", metrics.cache_bytes);
  text.lone("cache_hits_total", "counter", "Chunks that were found in the cache.",
            metrics.cache_hits);
  text.lone("cache_misses_total", "counter", "Chunks that were not.", metrics.cache_misses);
  text.lone("worker_threads", "gauge", "CPU worker threads.", metrics.worker_threads);
  text.lone("worker_cpu_seconds_total", "counter", "CPU time of all worker threads.",
            seconds(metrics.worker_cpu_time));
  text.lone("io_threads", "gauge", "I/O threads alive.", metrics.io_threads);
  text.lone("io_threads_busy", "gauge", "I/O threads that do or wait for I/O.",
            metrics.io_threads_busy);
  text.lone("io_jobs_waiting", "gauge", "Jobs that wait for an I/O thread.",
            metrics.io_jobs_waiting);
}

}  // namespace

std::string metrics_text(const Metrics& metrics) {
  Text text;
  write_operations(text, metrics);
  write_chunks(text, metrics);
  write_resources(text, metrics);
  return std::move(text).take();
}

}  // namespace adapipe::inline v0_1
