#include <adapipe/metrics.hpp>
#include <string>

#include "observe/quoted.hpp"
#include "support/catch.hpp"

namespace adapipe {

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("every number of the metrics is in their text") {
  Metrics metrics;
  OperationMetrics& restores = metrics.operations.emplace_back();
  restores.kind = OperationKind::restore;
  restores.started = 9;
  restores.succeeded = 4;
  restores.failed[static_cast<std::size_t>(errc::wrong_key) - 1] = 2;
  metrics.operations_waiting = 3;
  metrics.operations_waiting_for_memory = 5;
  StepMetrics& zstd = metrics.steps.emplace_back();
  zstd.step = Step::stage;
  zstd.stage = "zstd";
  zstd.direction = Direction::backward;
  zstd.bytes_in = 100;
  zstd.bytes_out = 400;
  zstd.time.counts[0] = 6;
  zstd.time.counts[1] = 1;
  zstd.time.counts[27] = 1;
  zstd.time.sum = std::chrono::milliseconds(1500);
  metrics.steps.emplace_back().step = Step::write;
  metrics.chunks_in_flight = 7;
  metrics.memory_bytes = 1000;
  metrics.worker_cpu_time = std::chrono::milliseconds(2500);
  const std::string text = metrics_text(metrics);
  for (
      const char* line :
      {R"(# TYPE adapipe_operations_started_total counter)",
       R"(adapipe_operations_started_total{kind="restore"} 9)",
       R"(adapipe_operations_succeeded_total{kind="restore"} 4)",
       R"(adapipe_operations_failed_total{kind="restore",error="wrong_key"} 2)",
       R"(adapipe_operations_running{kind="restore"} 3)",
       R"(adapipe_operations_waiting{for="place"} 3)",
       R"(adapipe_operations_waiting{for="memory"} 5)",
       R"(adapipe_step_bytes_in_total{step="stage",stage="zstd",direction="backward"} 100)",
       R"(adapipe_step_bytes_out_total{step="stage",stage="zstd",direction="backward"} 400)",
       R"(# TYPE adapipe_step_duration_seconds histogram)",
       R"(adapipe_step_duration_seconds_bucket{step="stage",stage="zstd",direction="backward",le="1.024e-06"} 6)",
       R"(adapipe_step_duration_seconds_bucket{step="stage",stage="zstd",direction="backward",le="2.048e-06"} 7)",
       R"(adapipe_step_duration_seconds_bucket{step="stage",stage="zstd",direction="backward",le="+Inf"} 8)",
       R"(adapipe_step_duration_seconds_sum{step="stage",stage="zstd",direction="backward"} 1.5)",
       R"(adapipe_step_duration_seconds_count{step="stage",stage="zstd",direction="backward"} 8)",
       R"(adapipe_step_bytes_in_total{step="write",direction="forward"} 0)",
       R"(adapipe_chunks_in_flight 7)", R"(adapipe_memory_budget_bytes 1000)",
       R"(adapipe_worker_cpu_seconds_total 2.5)"}) {
    INFO(line);
    CHECK(has_line(text, line));
  }
  CHECK(text.back() == '\n');
}

TEST_CASE("whatever a host calls its stages, they are told apart and quoted") {
  const struct {
    const char* name;
    const char* quoted;
  } cases[] = {{"", R"("")"},
               {"org.example.xor", R"("org.example.xor")"},
               {R"(a"b\c)", R"("a\"b\\c")"},
               {"line\nend", R"("line%0Aend")"},
               {"100%", R"("100%25")"},
               {"\xc3\xa9\xff", R"("%C3%A9%FF")"}};
  for (const auto& one : cases) CHECK(quoted(one.name) == one.quoted);
}

}  // namespace adapipe
