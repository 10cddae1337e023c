#include "graph/progress_meter.hpp"

#include <adapipe/error.hpp>
#include <atomic>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace adapipe {

TEST_CASE("the meter counts from many threads, never calls concurrently and calls at the end") {
  std::atomic<int> inside{0};
  std::atomic<bool> concurrent{false};
  std::vector<Progress> calls;
  ProgressMeter meter([&](const Progress& progress) {
    if (++inside != 1) concurrent = true;
    calls.push_back(progress);
    --inside;
  });
  meter.set_total(40'000);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) meter.add(1, 2);
    });
  threads.clear();
  meter.finish();
  CHECK_FALSE(concurrent);
  REQUIRE_FALSE(calls.empty());
  CHECK(calls.back().bytes_done == 40'000);
  CHECK(calls.back().stored_bytes == 80'000);
  CHECK(calls.back().bytes_total == 40'000);
  for (std::size_t i = 2; i < calls.size(); ++i)  // the last one is the end, at any time
    CHECK(calls[i - 1].elapsed - calls[i - 2].elapsed >= std::chrono::milliseconds(90));
}

}  // namespace adapipe
