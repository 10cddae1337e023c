// soak: random operations of every kind, several at a time on one Runtime that is too small for
// them, with random faults and stops, each compared with the serial Runtime. At the end everything
// must have been given back. Exits with 1 if anything was wrong; aborts, telling where, if nothing
// ends any more.

#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "graph/runtime_impl.hpp"
#include "soak/figures.hpp"
#include "soak/plan.hpp"
#include "soak/trial.hpp"

namespace adapipe::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMemoryBytes = 8 * 1024 * 1024;  // a large chunk or two
constexpr std::size_t kOperations = 3;
constexpr std::size_t kRunners = 8;
constexpr std::uint64_t kWarmUpTrials = 300;
constexpr std::chrono::milliseconds kSampleEvery{2};

struct Settings {
  unsigned seconds = 60;
  std::uint64_t seed = std::random_device()();
  std::optional<std::uint64_t> trial{};  ///< this one only
  unsigned stall_seconds = 120;
  std::size_t max_growth_mib = 8;
};

struct Tally {
  std::array<std::array<std::uint64_t, kEndings>, kWorks> endings{};
  std::array<std::uint64_t, kFaultPlaces> faults_planned{}, faults_fired{};
  std::array<std::uint64_t, kStopWays> stops_planned{}, stops_told{};

  void add(const Plan& plan, const TrialResult& result) {
    const auto at = [](auto& counts, auto what) -> auto& {
      return counts.at(static_cast<std::size_t>(what));
    };
    ++at(at(endings, plan.work), result.ending);
    ++at(faults_planned, plan.fault);
    if (result.fault_fired) ++at(faults_fired, plan.fault);
    ++at(stops_planned, plan.stop);
    if (result.ending == Ending::cancelled) ++at(stops_told, plan.stop);
  }

  void print() const {
    fmt::print("{:10}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "", "succeeded", "failed", "cancelled",
               "destroyed", "refused");
    for (std::size_t work = 0; work < kWorks; ++work) {
      fmt::print("{:10}", name_of(static_cast<Work>(work)));
      for (const std::uint64_t count : endings.at(work)) fmt::print("{:10}", count);
      fmt::print("\n");
    }
    for (std::size_t place = 1; place < kFaultPlaces; ++place)
      fmt::print("fault at {}: {} of {} came about\n", name_of(static_cast<FaultPlace>(place)),
                 faults_fired.at(place), faults_planned.at(place));
    for (std::size_t way = 1; way < kStopWays; ++way)
      fmt::print("stop by {}: {} planned, {} ended as cancelled\n",
                 name_of(static_cast<StopWay>(way)), stops_planned.at(way), stops_told.at(way));
  }
};

/// Runs trials on a Runtime of its own until told to end.
class Soak {
 public:
  Soak(std::uint64_t seed, unsigned stall_seconds)
      : seed_(seed), stall_(stall_seconds), runners_(kRunners) {}

  /// Trials from `first` to before `end`, and none is begun after `deadline`. false if one was
  /// wrong.
  bool run(std::uint64_t first, std::uint64_t end, Clock::time_point deadline) {
    next_ = first;
    std::jthread monitor([this](const std::stop_token& stop) { watch(stop); });
    {
      std::vector<std::jthread> threads;
      for (Runner& runner : runners_)
        threads.emplace_back([this, &runner, end, deadline] {
          while (!is_wrong_ && Clock::now() < deadline) {
            runner.number = next_++;
            if (runner.number >= end) return;
            run_one(runner);
          }
        });
    }
    if (const std::size_t bytes = runtime_.memory_in_use_bytes())
      wrong(fmt::format("{} bytes of the budget were not given back", bytes));
    if (const std::size_t places = runtime_.impl().operations().in_use())
      wrong(fmt::format("{} places were not given back", places));
    return !is_wrong_;
  }

  void print() const {
    tally_.print();
    fmt::print("{} trials; at most {} of {} bytes of the budget and {} of {} places in use\n",
               ended_.load(), most_bytes_.load(), kMemoryBytes, most_places_.load(), kOperations);
  }

 private:
  struct Runner {
    std::atomic<std::uint64_t> number{0};
    std::atomic<const char*> phase{"has not begun"};
  };

  void run_one(Runner& runner) {
    const Plan plan = make_plan(seed_, runner.number);
    try {
      const TrialResult result = run_trial(plan, runtime_, runner.phase);
      const std::lock_guard lock(mutex_);
      tally_.add(plan, result);
    } catch (const std::exception& error) {
      wrong(fmt::format("{}\n  {}", describe(plan), error.what()));
    }
    runner.phase = "is between two trials";
    ++ended_;
  }

  void wrong(const std::string& what) {
    const std::lock_guard lock(mutex_);
    fmt::print("WRONG: {}\n", what);
    is_wrong_ = true;
  }

  void watch(const std::stop_token& stop) {
    std::uint64_t seen = 0;
    Clock::time_point seen_at = Clock::now();
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(kSampleEvery);
      most_bytes_ = std::max(most_bytes_.load(), runtime_.memory_in_use_bytes());
      most_places_ = std::max(most_places_.load(), runtime_.impl().operations().in_use());
      if (std::exchange(seen, ended_) != ended_) seen_at = Clock::now();
      if (Clock::now() - seen_at > stall_) give_up();
    }
  }

  [[noreturn]] void give_up() {
    fmt::print(stderr, "nothing has ended for {} s; {} bytes and {} places are in use\n",
               stall_.count(), runtime_.memory_in_use_bytes(),
               runtime_.impl().operations().in_use());
    for (const Runner& runner : runners_)
      fmt::print(stderr, "{}\n  {}\n", describe(make_plan(seed_, runner.number)),
                 runner.phase.load());
    std::abort();
  }

  const std::uint64_t seed_;
  const std::chrono::seconds stall_;
  const Runtime runtime_{{.worker_threads = 3,
                          .memory_bytes = kMemoryBytes,
                          .max_concurrent_operations = kOperations}};
  std::deque<Runner> runners_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> ended_{0};
  std::atomic<std::size_t> most_bytes_{0};
  std::atomic<std::size_t> most_places_{0};
  std::atomic<bool> is_wrong_{false};
  std::mutex mutex_;  // guards what follows, and the output
  Tally tally_;
};

bool nothing_has_grown(const Figures& before, const Figures& after, std::size_t max_growth_mib) {
  fmt::print("{:22}{:>12}{:>12}\n", "", "warmed up", "at the end");
  fmt::print("{:22}{:12}{:12}\n", "descriptors", before.descriptors, after.descriptors);
  fmt::print("{:22}{:12}{:12}\n", "threads", before.threads, after.threads);
  fmt::print("{:22}{:12}{:12}\n", "resident memory, KiB", before.resident_kib, after.resident_kib);
  const bool holds = after.descriptors <= before.descriptors && after.threads <= before.threads &&
                     after.resident_kib <= before.resident_kib + 1024 * max_growth_mib;
  if (!holds)
    fmt::print("WRONG: something has grown (memory may, by {} MiB at most)\n", max_growth_mib);
  return holds;
}

int soak(const Settings& settings) {
  fmt::print("seed {}\n", settings.seed);
  std::fflush(stdout);
  const auto never = Clock::time_point::max();
  if (settings.trial) {
    fmt::print("{}\n", describe(make_plan(settings.seed, *settings.trial)));
    return Soak(settings.seed, settings.stall_seconds)
                   .run(*settings.trial, *settings.trial + 1, never)
               ? 0
               : 1;
  }
  bool good = Soak(settings.seed, settings.stall_seconds).run(0, kWarmUpTrials, never);
  const Figures before = Figures::now();
  {
    Soak soak(settings.seed, settings.stall_seconds);
    good = good && soak.run(kWarmUpTrials, UINT64_MAX,
                            Clock::now() + std::chrono::seconds(settings.seconds));
    soak.print();
  }
  good = nothing_has_grown(before, Figures::now(), settings.max_growth_mib) && good;
  fmt::print("{}\n", good ? "nothing was wrong" : "FAILED");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace adapipe::testing

int main(int argc, char** argv) {
  adapipe::testing::Settings settings;
  CLI::App app("Random operations with random faults and stops, compared with serial ones", "soak");
  app.add_option("--seconds", settings.seconds, "How long trials are begun");
  app.add_option("--seed", settings.seed, "Repeats the trials of this seed");
  app.add_option("--trial", settings.trial, "Runs the trial of this number only");
  app.add_option("--stall-seconds", settings.stall_seconds,
                 "Gives up when nothing ends for so long");
  app.add_option("--max-growth-mib", settings.max_growth_mib, "By how much memory may grow");
  CLI11_PARSE(app, argc, argv);
  ::mallopt(M_ARENA_MAX, 1);      // pools of many threads keep so much that growth does not show
  std::signal(SIGPIPE, SIG_IGN);  // what feeds a pipe that nobody reads any more
  return adapipe::testing::soak(settings);
}
