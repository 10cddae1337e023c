#include <adapipe/sink.hpp>
#include <memory>
#include <sstream>
#include <streambuf>
#include <thread>
#include <utility>

#include "io/fixture.hpp"
#include "support/temp_dir.hpp"

namespace adapipe {
namespace {

using namespace testing;

/// Every `step` bytes, by three threads, each from the back to the front.
void write_scattered(PositionalSinkImpl& sink, const Bytes& bytes, std::size_t step) {
  constexpr std::size_t kThreads = 3;
  const std::size_t steps = (bytes.size() + step - 1) / step;
  std::vector<std::thread> threads;
  for (std::size_t first = 0; first < kThreads; ++first) {
    threads.emplace_back([&, first] {
      for (std::size_t i = steps; i-- > 0;) {
        if (i % kThreads != first) continue;
        const std::size_t at = i * step;
        sink.write_at(at, std::span(bytes).subspan(at, std::min(step, bytes.size() - at)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("a positional sink takes its bytes in any order from several threads", "[sink]") {
  const TempDir folder;
  for (const std::size_t size : {0u, 1u, 4096u, 1'000'003u}) {
    for (const std::size_t step : {1000u, 65'536u}) {
      for (const bool is_size_known : {false, true}) {
        INFO(size << " bytes, " << step << " at once, size known: " << is_size_known);
        const Bytes bytes = random_bytes(size, size);
        SinkHints hints;
        if (is_size_known) hints.total_bytes = size;

        Bytes memory = from_text("old");
        std::filesystem::remove(folder / "output");
        for (Sink made : {Sink::memory(memory), Sink(folder / "output"), Sink::discard()}) {
          const auto sink = std::move(made).open(hints);
          CHECK_FALSE(sink->may_wait());
          write_scattered(dynamic_cast<PositionalSinkImpl&>(*sink), bytes, step);
          sink->commit();
        }
        CHECK((memory == bytes));
        CHECK((get_file(folder / "output") == bytes));
      }
    }
  }
}

TEST_CASE("every sink takes its bytes in order", "[sink]") {
  const TempDir folder;
  const Bytes bytes = random_bytes(100'000, 2);
  Bytes memory;
  std::ostringstream stream;
  for (Sink made : {Sink::memory(memory), Sink(folder / "output"), Sink::to(stream)}) {
    const auto sink = std::move(made).open({});
    for (std::size_t at = 0; at < bytes.size(); at += 7000)
      sink->write(std::span(bytes).subspan(at, std::min<std::size_t>(7000, bytes.size() - at)));
    sink->commit();
  }
  CHECK((memory == bytes));
  CHECK((get_file(folder / "output") == bytes));
  CHECK((from_text(stream.str()) == bytes));
}

TEST_CASE("memory is cleared at once, and again when the sink is abandoned", "[sink]") {
  Bytes memory = from_text("old");
  Sink made = Sink::memory(memory);
  CHECK(memory.empty());
  const auto sink = std::move(made).open({});
  sink->write(from_text("text"));
  sink->abandon();
  CHECK(memory.empty());
}

TEST_CASE("a size that no memory can hold is resource_exhausted, not a crash", "[sink]") {
  Bytes memory;
  SinkHints hints;
  hints.total_bytes = ~std::uint64_t{0};
  CHECK(error_of([&] { Sink::memory(memory).open(hints); }).kind() == errc::resource_exhausted);

  const auto sink = Sink::memory(memory).open({});
  auto& positional = dynamic_cast<PositionalSinkImpl&>(*sink);
  for (const std::uint64_t offset : {~std::uint64_t{0}, ~std::uint64_t{0} >> 1})
    CHECK(error_of([&] { positional.write_at(offset, from_text("text")); }).kind() ==
          errc::resource_exhausted);
  sink->abandon();
}

TEST_CASE("a stream is flushed at commit and fails as an io_error", "[sink]") {
  struct Counting : std::stringbuf {
    int sync() override { return ++flushes, fails ? -1 : 0; }
    std::streamsize xsputn(const char* text, std::streamsize size) override {
      if (throws) throw std::runtime_error("the tape tore");
      return fails ? 0 : std::stringbuf::xsputn(text, size);
    }
    int flushes = 0;
    bool fails = false;
    bool throws = false;
  };
  Counting buffer;
  std::ostream stream(&buffer);
  const auto sink = Sink::to(stream).open({});
  sink->write(from_text("text"));
  CHECK(buffer.flushes == 0);
  SECTION("good") {
    sink->commit();
    CHECK(buffer.flushes == 1);
    CHECK(buffer.str() == "text");
  }
  SECTION("fails") {
    buffer.fails = true;
    if (GENERATE(false, true)) stream.exceptions(std::ios::badbit | std::ios::failbit);
    if (GENERATE(false, true))
      CHECK(error_of([&] { sink->write(from_text("text")); }).kind() == errc::io_error);
    else
      CHECK(error_of([&] { sink->commit(); }).kind() == errc::io_error);
    CHECK(error_of([&] { Sink::to(stream).open({}); }).kind() == errc::io_error);
  }
  SECTION("throws") {
    buffer.throws = true;
    stream.exceptions(std::ios::badbit);
    const Error error = error_of([&] { sink->write(from_text("text")); });
    CHECK(error.kind() == errc::io_error);
    CHECK(says(error, "the tape tore"));
  }
}

TEST_CASE("a sink may own its stream", "[sink]") {
  struct Owned : std::ostringstream {
    explicit Owned(std::string& result) : to(result) {}
    ~Owned() override { to = str(); }
    std::string& to;
  };
  std::string text;
  {
    const auto sink = Sink::to(std::make_unique<Owned>(text)).open({});
    sink->write(from_text("text"));
    sink->commit();
  }
  CHECK(text == "text");
}

TEST_CASE("a sink is opened once", "[sink]") {
  Sink discard = Sink::discard();
  std::move(discard).open({});
  CHECK(error_of([&] { std::move(discard).open({}); }).kind() == errc::invalid_argument);

  Sink own{Sink::discard().open({})};
  Sink copy = own;
  std::move(own).open({});
  CHECK(error_of([&] { std::move(copy).open({}); }).kind() == errc::invalid_argument);
  CHECK(error_of([] { Sink(Sink::Opener()).open({}); }).kind() == errc::invalid_argument);
}

}  // namespace
}  // namespace adapipe
