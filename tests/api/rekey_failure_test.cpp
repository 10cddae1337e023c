#include <fcntl.h>
#include <unistd.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/rekey_fixture.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/key_providers.hpp"
#include "support/round_trip.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

/// Gives `good_reads` parts and then fails.
std::unique_ptr<SourceImpl> failing_source(const Bytes& bytes, std::size_t good_reads) {
  return std::make_unique<HookedSource>(bytes, true, [good_reads](std::size_t call) {
    if (call >= good_reads) throw std::runtime_error("out of luck");
  });
}

/// A file that somebody writes anew after its first header was read.
class ReplacedSource final : public PositionalSourceImpl {
 public:
  ReplacedSource(const Bytes& before, const Bytes& after) noexcept
      : before_(before), after_(after) {}

  std::uint64_t total_bytes() const override { return after_.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    if (offset == 0) ++heads_;
    const auto rest = ByteSpan(heads_ == 1 ? before_ : after_).subspan(std::size_t(offset));
    const std::size_t count = std::min(to.size(), rest.size());
    std::ranges::copy(rest.first(count), to.begin());
    return count;
  }

 private:
  const Bytes& before_;
  const Bytes& after_;
  int heads_ = 0;
};

/// A disk that gives the last bytes right once, and wrong ever after.
class ErringSource final : public PositionalSourceImpl {
 public:
  ErringSource(const Bytes& bytes, std::size_t last_bytes) noexcept
      : bytes_(bytes), errs_from_(bytes.size() - last_bytes), reads_(bytes.size(), 0) {}

  std::uint64_t total_bytes() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    const std::size_t count = std::min(to.size(), bytes_.size() - std::size_t(offset));
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = std::size_t(offset) + i;
      const bool errs = at >= errs_from_ && reads_[at]++ > 0;
      to[i] = errs ? ~bytes_[at] : bytes_[at];
    }
    return count;
  }

 private:
  const Bytes& bytes_;
  const std::size_t errs_from_;
  std::vector<int> reads_;
};

}  // namespace

TEST_CASE("the index that rekeying writes is the one that it has checked") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(3 * kChunk, 1);
  const Bytes sealed = sealed_for({key}, plain);
  constexpr std::size_t kIndexAndTrailer = (24 + 16 + 3 * 8 + 16) + 24;
  Bytes out;
  rekey(Source(std::make_unique<ErringSource>(sealed, kIndexAndTrailer)), Sink::memory(out),
        {.identities = {key}, .add = {SharedKey::generate()}});
  CHECK(records_of(out) == records_of(sealed));
  CHECK(verify(Source::memory(out), {.identities = {key}}).chunks == 3);
}

TEST_CASE("a container that is not encrypted any more when it is opened has no key slots") {
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(100, 1));
  Bytes plain;
  Pipeline::Builder().build().process(Source::memory(sealed), Sink::memory(plain));
  CHECK(thrown_kind([&] {
          rekey(Source(std::make_unique<ReplacedSource>(sealed, plain)), Sink::discard(),
                {.add = {key}});
        }) == errc::invalid_argument);
}

TEST_CASE("a sink that writes into the source's own file is refused") {
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(100, 1));
  write_file(dir / "a", sealed);
  const int descriptor = ::open((dir / "a").c_str(), O_WRONLY);
  CHECK(thrown_kind([&] {
          rekey(dir / "a", Sink::fd(descriptor), {.identities = {key}, .add = {key}});
        }) == errc::invalid_argument);
  ::close(descriptor);
  CHECK(read_file(dir / "a") == sealed);
}

TEST_CASE("whatever fails, a file keeps its old content and nothing is left beside it") {
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(kSeveralBuffers, 1));
  const auto changed = [&](std::size_t at) {
    Bytes bytes = sealed;
    bytes[at] ^= std::byte{1};
    return bytes;
  };
  const Bytes bad_head = changed(40);
  const Bytes bad_index = changed(sealed.size() - 30);
  const Bytes bad_trailer = changed(sealed.size() - 20);
  const Bytes cut(sealed.begin(), sealed.end() - 1);
  Bytes plain;
  Pipeline::Builder().build().process(Source::memory(sealed), Sink::memory(plain));
  const auto failing_service = std::make_shared<CallableProvider>(
      [](auto, const auto&) -> Bytes { throw std::runtime_error("service down"); },
      [](auto, const auto&) { return std::nullopt; });
  struct Case {
    const char* name;
    std::function<Source()> source;
    RekeyOptions options;
    errc expected;
  };
  const auto from = [](const Bytes& bytes) { return [&bytes] { return Source::memory(bytes); }; };
  const RekeyOptions good{.identities = {key}, .add = {SharedKey::generate()}};
  const auto with = [&](const auto& edit) {
    RekeyOptions options = good;
    edit(options);
    return options;
  };
  const Case cases[] = {
      {"no key", from(sealed), with([](auto& o) { o.identities = {}; }), errc::wrong_key},
      {"wrong key", from(sealed), with([](auto& o) { o.identities = {SharedKey::generate()}; }),
       errc::wrong_key},
      {"nothing to do", from(sealed), with([](auto& o) { o.add = {}; }), errc::invalid_argument},
      {"no such slot", from(sealed), with([](auto& o) { o.remove = {1}; }), errc::invalid_argument},
      {"not encrypted", from(plain), good, errc::invalid_argument},
      {"not encrypted, with a context", from(plain),
       with([](auto& o) { o.context = from_text("ctx"); }), errc::invalid_argument},
      {"no container", [] { return Source::owned(from_text("text")); }, good,
       errc::not_a_container},
      {"no file", [&] { return Source::file(dir / "missing"); }, good, errc::io_error},
      {"head changed", from(bad_head), good, errc::corrupt},
      {"index changed", from(bad_index), good, errc::corrupt},
      {"trailer changed", from(bad_trailer), good, errc::corrupt},
      {"cut short", from(cut), good, errc::truncated},
      {"more memory for the index than allowed", from(sealed),
       with([](auto& o) { o.max_index_memory_bytes = 1000; }), errc::resource_exhausted},
      {"a key service is down", from(sealed), with([&](auto& o) { o.add = {failing_service}; }),
       errc::io_error},
      {"the source fails while the head is read", [&] { return Source(failing_source(sealed, 0)); },
       good, errc::io_error},
      {"the source fails while records are copied",
       [&] { return Source(failing_source(sealed, 9)); }, good, errc::io_error},
      {"the progress callback throws", from(sealed), with([](auto& o) {
         o.on_progress = [](const Progress&) { throw std::runtime_error("no"); };
       }),
       errc::io_error},
      {"stopped before it began", from(sealed), with([](auto& o) {
         std::stop_source stop;
         stop.request_stop();
         o.stop = stop.get_token();
       }),
       errc::cancelled},
  };
  const Bytes old = from_text("old content");
  for (const Case& c : cases) {
    INFO(c.name);
    write_file(dir / "target", old);
    const Sink sink = Sink::file(dir / "target", {.overwrite = true, .durable = false});
    CHECK(thrown_kind([&] { rekey(c.source(), sink, c.options); }) == c.expected);
    CHECK(read_file(dir / "target") == old);
    std::filesystem::remove(dir / "target");
    CHECK(std::filesystem::is_empty(dir.path()));
  }
}

TEST_CASE("a sink that fails is told so, once, and its own error comes out") {
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(kSeveralBuffers, 1));
  for (std::size_t failing = 0; failing < 6; ++failing) {
    INFO("write " << failing);
    SinkFate fate;
    auto sink = std::make_unique<HookedStreamSink>(fate, [failing](std::size_t call) {
      if (call == failing) throw std::runtime_error("out of luck");
    });
    const Error error = thrown_by([&] {
      rekey(Source::memory(sealed), Sink(std::move(sink)), {.identities = {key}, .add = {key}});
    });
    CHECK(error.kind() == errc::io_error);
    CHECK(std::string(error.what()) == "output stream: out of luck");
    CHECK(fate.abandoned == 1);
    CHECK(fate.committed == 0);
  }
}

TEST_CASE("a stop ends a copy that waits for its sink") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(kSeveralBuffers, 1));
  for (const std::size_t blocked : {std::size_t{0}, std::size_t{2}}) {
    SinkFate fate;
    Door door;
    std::stop_source stop;
    auto sink = std::make_unique<HookedStreamSink>(
        fate,
        [&](std::size_t call) {
          if (call == blocked) {
            door.wait();
            throw std::runtime_error("woken");
          }
        },
        [&] { door.open(); });
    std::jthread stopper([&] {
      door.until_someone_waits();
      stop.request_stop();
    });
    CHECK(thrown_kind([&] {
            rekey(Source::memory(sealed), Sink(std::move(sink)),
                  {.identities = {key}, .add = {key}, .stop = stop.get_token()});
          }) == errc::cancelled);
    CHECK(fate.abandoned == 1);
    CHECK(fate.committed == 0);
  }
}

TEST_CASE("a stop wakes the input, in whichever of its reads it waits") {
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(kSeveralBuffers, 1));
  const auto rekeyed = [&](std::size_t stopped_in) {
    std::stop_source stop;
    std::size_t reads = 0;
    bool is_woken = false;
    auto source = std::make_unique<HookedSource>(
        sealed, true,
        [&](std::size_t call) {
          ++reads;
          if (call == stopped_in) stop.request_stop();
          if (is_woken) throw std::runtime_error("woken");
        },
        [&] { is_woken = true; });
    const errc kind = thrown_kind([&] {
      rekey(Source(std::move(source)), Sink::discard(),
            {.identities = {key}, .add = {key}, .stop = stop.get_token()});
    });
    CHECK(kind == (is_woken ? errc::cancelled : errc{}));
    return std::pair(is_woken, reads);
  };
  const auto [is_woken, reads] = rekeyed(SIZE_MAX);
  CHECK_FALSE(is_woken);
  REQUIRE(reads > 5);
  for (std::size_t at = 0; at < reads; ++at) {
    INFO("in read " << at);
    CHECK(rekeyed(at) == std::pair(true, at + 1));
  }
}

TEST_CASE("a stop ends a copy between two writes, and none is too late before the commit") {
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(kSeveralBuffers, 1));
  const auto rekeyed = [&](std::size_t stopped_at) {
    SinkFate fate;
    std::stop_source stop;
    std::size_t calls = 0;
    auto sink = std::make_unique<HookedStreamSink>(fate, [&](std::size_t call) {
      ++calls;
      if (call == stopped_at) stop.request_stop();
    });
    const errc kind = thrown_kind([&] {
      rekey(Source::memory(sealed), Sink(std::move(sink)),
            {.identities = {key}, .add = {key}, .stop = stop.get_token()});
    });
    CHECK(kind == (fate.committed == 1 ? errc{} : errc::cancelled));
    CHECK(fate.abandoned + fate.committed == 1);
    return std::pair(kind, calls);
  };
  const auto [kind, writes] = rekeyed(SIZE_MAX);
  CHECK(kind == errc{});
  REQUIRE(writes > 5);
  for (std::size_t at = 0; at < writes; ++at) {
    INFO("in write " << at);
    CHECK(rekeyed(at) == std::pair(errc::cancelled, at + 1));
  }
}

TEST_CASE("a key service is told to stop, whether it opens or is added") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const SharedKey key = SharedKey::generate();
  std::stop_source stop;
  const auto asked = [&stop](const std::stop_token& token) {
    stop.request_stop();
    if (token.stop_requested()) throw std::runtime_error("interrupted");
  };
  const auto service = std::make_shared<CallableProvider>(
      [&](auto, const auto& token) {
        asked(token);
        return Bytes(1);
      },
      [&](auto, const auto& token) -> std::optional<SharedKey> {
        asked(token);
        return std::nullopt;
      });
  const auto quiet = std::make_shared<CallableProvider>(
      [](auto, const auto&) { return Bytes(1); }, [](auto, const auto&) { return std::nullopt; });
  const Bytes sealed = sealed_for({quiet, key}, random_bytes(100, 1));
  for (const RekeyOptions& options : {RekeyOptions{.identities = {service, key}, .add = {key}},
                                      RekeyOptions{.identities = {key}, .add = {service}}}) {
    stop = std::stop_source();
    RekeyOptions stoppable = options;
    stoppable.stop = stop.get_token();
    CHECK(thrown_kind([&] { rekeyed(sealed, stoppable); }) == errc::cancelled);
  }
}

TEST_CASE("records are copied unread: a damaged one stays what it is, and verify tells") {
  const SharedKey key = SharedKey::generate();
  Bytes sealed = sealed_for({key}, random_bytes(3 * kChunk, 1));
  sealed[sealed.size() - kChunk] ^= std::byte{1};
  const Bytes made = rekeyed(sealed, {.identities = {key}, .add = {key}});
  CHECK(records_of(made) == records_of(sealed));
  const Error error = thrown_by([&] { verify(Source::memory(made), {.identities = {key}}); });
  CHECK(error.kind() == errc::corrupt);
  CHECK(error.chunk() == 2);
}

}  // namespace adapipe
