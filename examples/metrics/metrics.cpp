// What a host sees of adapipe while it works: the counters of a Runtime, in the text that a host
// answers GET /metrics with, and an observer of its own.
//
//   example_metrics IN OUT
//
// Processes IN to OUT, restores it with the right key and with a wrong one, and prints the metrics.

#include <adapipe/adapipe.hpp>
#include <atomic>
#include <iostream>
#include <memory>

namespace {

/// Keeps the longest time that a chunk had to wait for the sink. Called from many threads at once.
class LongestWait final : public adapipe::Observer {
 public:
  void step_ended(const adapipe::StepEvent& event) noexcept override {
    if (event.step != adapipe::Step::write) return;
    const auto waited = event.began - event.ready;
    auto longest = longest_.load();
    while (waited > longest && !longest_.compare_exchange_weak(longest, waited)) {
    }
  }
  std::chrono::nanoseconds get() const { return longest_.load(); }

 private:
  std::atomic<std::chrono::nanoseconds> longest_{};
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: example_metrics IN OUT\n";
    return 64;
  }
  const auto longest_wait = std::make_shared<LongestWait>();
  const adapipe::Runtime runtime({.observer = longest_wait});
  const auto key = adapipe::SharedKey::generate();
  const auto pipeline = adapipe::Pipeline::Builder()
                            .add(adapipe::zstd())
                            .add(adapipe::aes_256_gcm({.recipients = {key}}))
                            .runtime(runtime)
                            .build();
  pipeline.process(argv[1], adapipe::Sink::file(argv[2], {.overwrite = true}));
  adapipe::verify(argv[2], {.identities = {key}, .runtime = runtime});
  try {
    adapipe::verify(argv[2], {.identities = {adapipe::SharedKey::generate()}, .runtime = runtime});
  } catch (const adapipe::Error& error) {
    std::cerr << "as expected: " << error.what() << '\n';
  }

  const adapipe::Metrics metrics = runtime.metrics();
  std::cout << adapipe::metrics_text(metrics);
  const auto milliseconds = [](std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
  };
  std::cerr << metrics.chunk_time.count() << " chunks, of which 95% took at most "
            << milliseconds(metrics.chunk_time.quantile(0.95)) << " ms; the longest wait to be "
            << "written: " << milliseconds(longest_wait->get()) << " ms\n";
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
