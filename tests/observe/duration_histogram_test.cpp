#include <adapipe/metrics.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

#include "observe/counters.hpp"
#include "support/catch.hpp"

namespace adapipe {

using std::chrono::nanoseconds;

TEST_CASE("a time is counted in the first bucket that is wide enough, the last has no bound") {
  const struct {
    std::int64_t ns;
    std::size_t bucket;
  } cases[] = {{-5, 0},
               {0, 0},
               {1024, 0},
               {1025, 1},
               {2048, 1},
               {2049, 2},
               {1'000'000, 10},
               {std::int64_t{1} << 36, 26},
               {(std::int64_t{1} << 36) + 1, 27},
               {INT64_MAX, 27}};
  for (const auto& one : cases) {
    DurationCounter counter;
    counter.add(nanoseconds(one.ns));
    DurationHistogram histogram;
    counter.add_to(histogram);
    INFO(one.ns);
    CHECK(histogram.counts[one.bucket] == 1);
    CHECK(histogram.count() == 1);
    CHECK(histogram.sum.count() == one.ns);
    if (one.bucket < 27) CHECK(DurationHistogram::bound(one.bucket).count() >= one.ns);
  }
}

TEST_CASE("a quantile lies in the bucket of the one that it names") {
  DurationHistogram histogram;
  CHECK(histogram.quantile(0.5).count() == 0);
  histogram.counts[0] = 50;   // up to 1024 ns
  histogram.counts[10] = 49;  // 524,288 .. 1,048,576 ns
  histogram.counts[27] = 1;   // beyond all bounds
  const struct {
    double q;
    std::int64_t ns;
  } cases[] = {{-1, 0},          {0, 0},           {0.25, 512},
               {0.5, 1024},      {0.745, 786432},  {0.99, 1048576},
               {1, 68719476736}, {2, 68719476736}, {std::numeric_limits<double>::quiet_NaN(), 0}};
  for (const auto& one : cases) {
    INFO(one.q);
    CHECK(histogram.quantile(one.q).count() == one.ns);
  }
}

TEST_CASE("stages beyond the most that are told apart in a direction are counted together") {
  Counters counters(nullptr);
  for (const Direction direction : {Direction::forward, Direction::backward}) {
    for (std::size_t i = 0; i < Counters::kMostNames + 5; ++i)
      counters.step(Step::stage, direction, "stage " + std::to_string(i))
          .mine()
          .bytes_in.fetch_add(1);
    counters.step(Step::read, direction, "").mine().bytes_in.fetch_add(1);
  }
  Metrics metrics;
  counters.fill(metrics);
  REQUIRE(metrics.steps.size() == 2 * (Counters::kMostNames + 2));
  for (const StepMetrics& step : metrics.steps) {
    CHECK(step.bytes_in == (step.stage == "other" ? 5u : 1u));
    CHECK((step.step == Step::read) == step.stage.empty());
  }
}

}  // namespace adapipe
