#include <adapipe/rate_limit.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io/fixture.hpp"
#include "io/limited_source.hpp"
#include "io/memory.hpp"
#include "io/token_bucket.hpp"
#include "support/endpoints.hpp"
#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"

namespace adapipe {
namespace {

using namespace testing;
using namespace std::chrono_literals;

const std::atomic<bool> kGoesOn = false;

/// A bucket by a clock of its own.
struct TimedBucket {
  explicit TimedBucket(std::uint64_t bytes_per_second)
      : bucket(std::make_shared<TokenBucket>(bytes_per_second, clock)) {}

  /// For those who wait.
  void pass(std::chrono::nanoseconds time) {
    clock.advance(time);
    bucket->wake();
  }

  ManualClock clock;
  std::shared_ptr<TokenBucket> bucket;
};

std::unique_ptr<SourceImpl> limited(std::unique_ptr<SourceImpl> source, const TimedBucket& timed) {
  return limit_source(std::move(source), timed.bucket);
}

PositionalSourceImpl& positional(SourceImpl& source) {
  return dynamic_cast<PositionalSourceImpl&>(source);
}

}  // namespace

TEST_CASE("a bucket begins empty and gives what the rate allows, to the byte", "[rate_limit]") {
  TimedBucket timed(1000);
  CHECK(timed.bucket->try_take(1) == 0);
  timed.clock.advance(1ms - 1ns);
  CHECK(timed.bucket->try_take(1) == 0);
  timed.clock.advance(1ns);
  CHECK(timed.bucket->try_take(5) == 1);
  timed.clock.advance(7ms);
  CHECK(timed.bucket->try_take(5) == 5);
  CHECK(timed.bucket->try_take(5) == 2);
}

TEST_CASE("no fraction of a byte is lost, however often it is looked at", "[rate_limit]") {
  for (const std::uint64_t rate : {1u, 3u, 7u, 999u, 20'000'003u}) {
    TimedBucket timed(rate);
    std::uint64_t taken = 0;
    constexpr int kLooks = 100'000;
    for (int i = 0; i < kLooks; ++i) {  // in all 10 s
      timed.clock.advance(100us);
      taken += timed.bucket->try_take(SIZE_MAX);
    }
    CHECK(taken == 10 * rate);
  }
}

TEST_CASE("what nobody takes is kept for a tenth of a second", "[rate_limit]") {
  struct Case {
    std::uint64_t rate;
    std::uint64_t kept;
  };
  for (const auto& [rate, kept] : {Case{1, 2}, Case{1000, 100}, Case{20'000'000, 2'000'000},
                                   Case{RateLimit::kMaxBytesPerSecond, 6'871'947'673}}) {
    TimedBucket timed(rate);
    timed.clock.advance(24h * 365);
    CHECK(timed.bucket->try_take(SIZE_MAX) == kept);
    timed.bucket->give_back(kept);
    timed.bucket->give_back(kept);
    CHECK(timed.bucket->try_take(SIZE_MAX) == kept);
  }
}

TEST_CASE("who waits gets a hundredth of a second's worth when it is there", "[rate_limit]") {
  const Watchdog watchdog;
  TimedBucket timed(1000);
  std::atomic<std::size_t> taken = 0;
  std::thread waits([&] { taken = timed.bucket->take(500, kGoesOn); });
  until_waiting(*timed.bucket, 1);
  timed.pass(9999us);
  CHECK(timed.bucket->try_take(1) == 0);  // nobody overtakes
  CHECK(timed.bucket->waiting() == 1);
  timed.pass(1us);
  waits.join();
  CHECK(taken == 10);
  CHECK(timed.bucket->try_take(1) == 0);
}

TEST_CASE("those who wait are served in the order of asking", "[rate_limit]") {
  const Watchdog watchdog;
  TimedBucket timed(1000);
  constexpr std::size_t kWaiting = 5;
  std::vector<std::size_t> order;  // by the bucket's own order: one is let go at a time
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kWaiting; ++i) {
    // A later one asks for less, which is there sooner.
    threads.emplace_back([&, i] {
      timed.bucket->take(kWaiting - i, kGoesOn);
      order.push_back(i);
    });
    until_waiting(*timed.bucket, i + 1);
  }
  for (std::size_t i = 0; i < kWaiting; ++i) {
    CHECK(order.size() == i);
    timed.pass(std::chrono::milliseconds(kWaiting - i));
    threads[i].join();
  }
  std::vector<std::size_t> expected(kWaiting);
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  CHECK(order == expected);
}

TEST_CASE("who has got bytes wakes the next one, who has the clock wake it", "[rate_limit]") {
  const Watchdog watchdog;
  TokenBucket bucket(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { bucket.take(1, kGoesOn); });
  for (std::thread& thread : threads) thread.join();
  CHECK(bucket.waiting() == 0);
}

TEST_CASE("a stop wakes who waits, wherever in the queue, and the others keep theirs",
          "[rate_limit]") {
  const Watchdog watchdog;
  for (const std::size_t stopped : {0u, 1u, 2u}) {
    TimedBucket timed(1000);
    std::vector<std::size_t> taken(3, 99);
    std::vector<std::unique_ptr<BucketUser>> users;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      users.push_back(std::make_unique<BucketUser>(timed.bucket));
      threads.emplace_back([&, i] {
        try {
          taken[i] = users[i]->take(10);
        } catch (const Error& error) {
          if (error.kind() == errc::cancelled) taken[i] = 0;
        }
      });
      until_waiting(*timed.bucket, i + 1);
    }
    users[stopped]->cancel();
    threads[stopped].join();
    CHECK(taken[stopped] == 0);
    CHECK(timed.bucket->waiting() == 2);
    timed.pass(20ms);
    for (std::thread& thread : threads)
      if (thread.joinable()) thread.join();
    CHECK(std::ranges::count(taken, 10) == 2);
    CHECK(thrown_kind([&] { users[stopped]->take(1); }) == errc::cancelled);
  }
}

TEST_CASE("several users of a bucket get the same, however many threads each has", "[rate_limit]") {
  const Watchdog watchdog;
  TimedBucket timed(1000);
  std::vector<std::unique_ptr<BucketUser>> users;
  std::vector<std::atomic<std::size_t>> taken(2);
  std::vector<std::thread> threads;
  for (std::size_t user = 0; user < taken.size(); ++user)
    users.push_back(std::make_unique<BucketUser>(timed.bucket));
  for (const std::size_t user : {0u, 0u, 0u, 0u, 1u})
    threads.emplace_back([&, user] {
      try {
        for (;;) taken[user] += users[user]->take(10);
      } catch (const Error&) {  // it was cancelled
      }
    });
  for (int i = 0; i < 100; ++i) {
    until_waiting(*timed.bucket, 2);
    timed.pass(10ms);
    while (taken[0] + taken[1] != 10 * (static_cast<std::size_t>(i) + 1)) std::this_thread::yield();
  }
  for (const auto& user : users) user->cancel();
  for (std::thread& thread : threads) thread.join();
  CHECK(taken[0] == 500);
  CHECK(taken[1] == 500);
}

TEST_CASE("a limited source without waiting gives what there is, and never waits", "[rate_limit]") {
  const Bytes bytes = random_bytes(1000, 1);
  TimedBucket timed(1000);
  const auto source = limited(open_memory_source(bytes), timed);
  CHECK(source->may_wait());
  Bytes to(1000);
  CHECK(positional(*source).try_read_at(0, to) == std::nullopt);
  timed.clock.advance(30ms);
  CHECK(positional(*source).try_read_at(10, to) == 30u);
  CHECK(std::equal(to.begin(), to.begin() + 30, bytes.begin() + 10));
  CHECK(positional(*source).try_read_at(0, to) == std::nullopt);
  CHECK(positional(*source).try_read_at(1000, to) == 0u);  // the end takes no bytes
  CHECK(positional(*source).read_at(1000, to) == 0);
}

TEST_CASE("what a source leaves of its share is not lost", "[rate_limit]") {
  const Bytes bytes = random_bytes(7, 1);
  TimedBucket timed(1000);
  SECTION("at its end") {
    const auto source = limited(open_memory_source(bytes), timed);
    timed.clock.advance(10ms);
    Bytes to(100);
    CHECK(positional(*source).try_read_at(0, to) == 7u);
  }
  SECTION("where it gives fewer bytes") {
    const auto source = limited(std::make_unique<HookedStream>(bytes, BeforeCall()), timed);
    timed.clock.advance(10ms);
    Bytes to(100);
    CHECK(source->read(to) == 7);
  }
  SECTION("where it would have to wait") {
    const auto source = limited(std::make_unique<HookedSource>(bytes, true, BeforeCall()), timed);
    timed.clock.advance(3ms);
    Bytes to(100);
    CHECK(positional(*source).try_read_at(0, to) == std::nullopt);
  }
  SECTION("where it fails") {
    const BeforeCall fail = [](std::size_t) { throw Error(errc::io_error, "no"); };
    const auto source = limited(std::make_unique<HookedStream>(bytes, fail), timed);
    timed.clock.advance(3ms);
    Bytes to(3);
    CHECK(thrown_kind([&] { source->read(to); }) == errc::io_error);
    CHECK(timed.bucket->try_take(9) == 3);
    return;
  }
  CHECK(timed.bucket->try_take(9) == 3);
}

TEST_CASE("a limited source gives all bytes in order, and no sooner than allowed", "[rate_limit]") {
  const Watchdog watchdog;
  const Bytes bytes = random_bytes(100, 1);
  for (const bool is_stream : {true, false}) {
    TimedBucket timed(1000);
    const auto source = limited(
        is_stream ? std::make_unique<HookedStream>(bytes, BeforeCall()) : open_memory_source(bytes),
        timed);
    CHECK(source->size() == (is_stream ? std::nullopt : std::optional<std::uint64_t>(100)));
    Bytes got;
    std::atomic<bool> done = false;
    std::thread reads([&] {
      got = read_all(*source, 33);
      done = true;
    });
    std::chrono::nanoseconds passed{0};
    while (!done) {
      if (timed.bucket->waiting() > 0) {
        timed.pass(1ms);
        passed += 1ms;
      }
    }
    reads.join();
    CHECK(got == bytes);
    CHECK(passed >= 100ms);
  }
}

TEST_CASE("a limited source is read as far as is asked, step by step", "[rate_limit]") {
  const Watchdog watchdog;
  const Bytes bytes = random_bytes(40, 1);
  const auto source = Source::limited(Source::memory(bytes), rate_limit(1000)).open();
  Bytes to(35);
  CHECK(positional(*source).read_at(3, to) == 35);
  CHECK(std::equal(to.begin(), to.end(), bytes.begin() + 3));
}

TEST_CASE("cancelling a limited source wakes what waits in it, and cancels what is behind it",
          "[rate_limit]") {
  const Watchdog watchdog;
  const Bytes bytes = random_bytes(100, 1);
  for (const bool is_stream : {true, false}) {
    TimedBucket timed(1000);
    std::atomic<int> cancelled = 0;
    const auto note = [&] { ++cancelled; };
    std::unique_ptr<SourceImpl> whole;
    if (is_stream)
      whole = std::make_unique<HookedStream>(bytes, BeforeCall(), note);
    else
      whole = std::make_unique<HookedSource>(bytes, true, BeforeCall(), note);
    const auto source = limited(std::move(whole), timed);
    std::atomic<errc> failed{};
    std::thread reads([&] {
      Bytes to(100);
      failed = thrown_kind([&] { source->read(to); });
    });
    until_waiting(*timed.bucket, 1);
    source->cancel();
    reads.join();
    CHECK(failed == errc::cancelled);
    CHECK(cancelled == 1);
  }
}

TEST_CASE("a limited source is its file for names, identities and slices", "[rate_limit]") {
  const TempDir dir;
  put_file(dir / "file", random_bytes(100, 1));
  const RateLimit limit = rate_limit(RateLimit::kMaxBytesPerSecond);
  const auto plain = Source::file(dir / "file").open();
  const auto source = Source::limited(Source(dir / "file"), limit).open();
  CHECK(source->name() == plain->name());
  CHECK(source->file_id() == plain->file_id());
  CHECK(source->file_version() == plain->file_version());
  CHECK(source->size() == 100u);
  for (Source slice : {Source::slice(Source::limited(Source(dir / "file"), limit), 10, 20),
                       Source::limited(Source::slice(Source(dir / "file"), 10, 20), limit)}) {
    const auto opened = std::move(slice).open();
    CHECK(opened->size() == 20u);
    CHECK(read_all(*opened).size() == 20);
  }
}

TEST_CASE("a rate limit out of its range is an invalid argument", "[rate_limit]") {
  for (const std::uint64_t rate : {std::uint64_t{0}, RateLimit::kMaxBytesPerSecond + 1})
    CHECK(thrown_kind([&] { static_cast<void>(rate_limit(rate)); }) == errc::invalid_argument);
  CHECK(rate_limit(1).bytes_per_second() == 1);
  CHECK(rate_limit(RateLimit::kMaxBytesPerSecond).bytes_per_second() ==
        RateLimit::kMaxBytesPerSecond);
}

}  // namespace adapipe
