#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <adapipe/iostream.hpp>
#include <iomanip>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;

Pipeline small_chunks() {
  return Pipeline::Builder().add(zstd()).chunk_size(ChunkSize::from_bytes(kChunk)).build();
}

Bytes sealed_text(const std::string& text) {
  Bytes sealed;
  small_chunks().process(Source::owned(from_text(text)), Sink::memory(sealed));
  return sealed;
}

/// Lines of numbers.
std::string sample_text(std::size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text += std::to_string(i * 7919) + (i % 5 ? " " : "\n");
  return text;
}

/// What a program sees of a stream after it has used it.
struct Seen {
  std::string bytes;
  std::ios_base::iostate state;
  std::streamoff position;
};

/// One of the things that programs do with an istream; the same for the same `choice` and `number`.
Seen use(std::istream& in, unsigned choice, std::size_t number) {
  std::string bytes;
  const auto offset = static_cast<std::streamoff>(number);
  switch (choice % 10) {
    case 0:
      bytes.resize(number);
      in.read(bytes.data(), static_cast<std::streamsize>(number));
      bytes.resize(static_cast<std::size_t>(in.gcount()));
      break;
    case 1:
      std::getline(in, bytes);
      break;
    case 2:
      in >> bytes;
      break;
    case 3:
      in.seekg(offset);
      break;
    case 4:
      in.seekg(-offset, std::ios_base::end);
      break;
    case 5:
      in.seekg(offset % 2 ? offset : -offset, std::ios_base::cur);
      break;
    case 6:
      bytes = std::to_string(in.peek());
      break;
    case 7:
      in.unget();
      break;
    case 8:
      in.ignore(static_cast<std::streamsize>(number));
      break;
    default:
      bytes = std::to_string(in.get());
  }
  const std::ios_base::iostate state = in.rdstate();
  in.clear();
  return {bytes, state, in.tellg()};
}

}  // namespace

TEST_CASE("an adapipe::istream does what a std::istringstream does") {
  const std::string text = sample_text(20 * kChunk + 100);
  const Bytes sealed = sealed_text(text);
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    istream ours(Source::memory(sealed));
    std::istringstream theirs(text);
    for (int step = 0; step < 200; ++step) {
      const auto choice = static_cast<unsigned>(random());
      const std::size_t most = step % 3 == 0 ? 2 * text.size() / 3 : 100;
      const std::size_t number = random() % most;
      INFO("round " << round << ", step " << step << ", choice " << choice % 10 << ", number "
                    << number);
      const Seen seen = use(ours, choice, number);
      const Seen expected = use(theirs, choice, number);
      REQUIRE(seen.bytes == expected.bytes);
      REQUIRE(seen.state == expected.state);
      REQUIRE(seen.position == expected.position);
    }
  }
}

TEST_CASE("what is written to an adapipe::ostream is what a std::ostringstream holds") {
  const auto write = [](std::ostream& out) {
    for (int i = 0; i < 20'000; ++i) out << i << ' ' << std::setw(8) << i * 0.5 << std::endl;
    out.put('x').write("yz", 2) << std::string(100'000, '-') << std::flush;
    return static_cast<std::streamoff>(out.tellp());
  };
  std::ostringstream expected;
  const std::streamoff expected_position = write(expected);
  Bytes sealed, back;
  ostream out(small_chunks(), Sink::memory(sealed));
  CHECK(out.is_open());
  CHECK(write(out) == expected_position);
  out.close();
  CHECK(out.good());
  CHECK_FALSE(out.is_open());
  REQUIRE(out.report());
  CHECK(out.report()->input_bytes == expected.str().size());
  restore(Source::memory(sealed), Sink::memory(back));
  CHECK(back == from_text(expected.str()));
}

TEST_CASE("std::endl does not end a chunk; flushing the writer does") {
  Bytes sealed;
  ostream out(small_chunks(), Sink::memory(sealed));
  for (int i = 0; i < 10; ++i) out << i << std::endl;
  out.writer().flush();
  out << "more";
  out.close();
  CHECK(out.report()->chunks == 2);
}

TEST_CASE("an ostream is closed when its scope ends, and abandoned by an exception") {
  const TempDir dir;
  const auto write = [&](bool throws) {
    ostream out(small_chunks(), dir.path() / (throws ? "abandoned" : "closed"));
    out << "text";
    if (throws) throw std::runtime_error("the program failed");
  };
  write(false);
  CHECK_THROWS_AS(write(true), std::runtime_error);
  CHECK(std::filesystem::exists(dir.path() / "closed"));
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()),
                      std::filesystem::directory_iterator()) == 1);
  std::string text;
  istream in(dir.path() / "closed");
  in >> text;
  CHECK(text == "text");
}

TEST_CASE("an ostream that was made while an exception is handled is closed all the same") {
  const TempDir dir;
  struct Logs {
    ~Logs() { ostream(small_chunks(), path) << "text"; }
    std::filesystem::path path;
  };
  try {
    const Logs logs{dir.path() / "log"};
    throw std::runtime_error("the program failed");
  } catch (const std::runtime_error&) {
  }
  CHECK(std::filesystem::exists(dir.path() / "log"));
}

TEST_CASE("what cannot be opened sets failbit and is told by error()") {
  const TempDir dir;
  istream in(dir.path() / "missing");
  CHECK(in.fail());
  CHECK_FALSE(in.is_open());
  REQUIRE(in.error());
  CHECK(in.error()->kind() == errc::io_error);
  CHECK(in.get() == std::char_traits<char>::eof());
  CHECK_THROWS_AS(in.exceptions(std::ios_base::failbit), std::ios_base::failure);
}

TEST_CASE("a chunk that does not pass its check sets badbit, or throws if asked to") {
  const std::string text = sample_text(4 * kChunk);
  Bytes sealed = sealed_text(text);
  sealed[sealed.size() / 2] ^= std::byte{1};
  std::string got(text.size(), ' ');
  istream in(Source::memory(sealed));
  in.read(got.data(), static_cast<std::streamsize>(got.size()));
  CHECK(in.bad());
  REQUIRE(in.error());
  CHECK(in.error()->kind() == errc::corrupt);
  CHECK(in.error()->chunk());

  istream throwing(Source::memory(sealed));
  throwing.exceptions(std::ios_base::badbit);
  CHECK(thrown_kind([&] { throwing.read(got.data(), static_cast<std::streamsize>(got.size())); }) ==
        errc::corrupt);
}

TEST_CASE("after a chunk that did not pass its check, what is read is still what is there") {
  std::string text;  // not to be compressed
  for (const std::byte byte : random_bytes(8 * kChunk, 1)) text += static_cast<char>(byte);
  Bytes sealed = sealed_text(text);
  sealed[sealed.size() * 11 / 16] ^= std::byte{1};  // within the second buffer, not at its start
  istream in(Source::memory(sealed));
  std::string first(4 * kChunk, ' ');
  for (char& byte : first) byte = static_cast<char>(in.get());
  CHECK(first == text.substr(0, first.size()));
  in.get();
  CHECK(in.bad());
  in.clear();
  in.seekg(0);
  std::string again(100, ' ');
  in.read(again.data(), 100);
  CHECK(again == text.substr(0, 100));
}

TEST_CASE("a sink that fails sets badbit, keeps the first error and abandons the output") {
  const Watchdog watchdog(std::chrono::seconds(60));
  SinkFate fate;
  {
    ostream out(small_chunks(), Sink(std::make_unique<HookedStreamSink>(fate, [](std::size_t call) {
                  if (call == 2) throw Error(errc::io_error, "full");
                })));
    while (out << sample_text(1000)) {
    }
    CHECK(out.bad());
    REQUIRE(out.error());
    CHECK_THAT(out.error()->what(), Catch::Matchers::Contains("full"));
    out.close();
    CHECK(out.fail());
    CHECK_FALSE(out.report());
  }
  CHECK(fate.abandoned == 1);
  CHECK(fate.committed == 0);
}

TEST_CASE("an ostream that has failed commits nothing, whatever made it fail") {
  for (const auto failure : {std::ios_base::badbit, std::ios_base::failbit}) {
    for (const bool closes : {false, true}) {
      INFO(failure << ", " << closes);
      SinkFate fate;
      {
        ostream out(small_chunks(), Sink(std::make_unique<HookedStreamSink>(fate, nullptr)));
        out << "before";
        out.setstate(failure);
        out << "lost";
        if (closes) out.close();
        CHECK(out.fail());
        CHECK_FALSE(out.report());
      }
      CHECK(fate.committed == 0);
    }
  }
}

TEST_CASE("nothing can be written to an ostream that was closed") {
  Bytes sealed;
  ostream out(small_chunks(), Sink::memory(sealed));
  out << "before";
  out.close();
  CHECK(out.good());
  out << "after";
  CHECK(out.bad());
  REQUIRE(out.error());
  CHECK(out.error()->kind() == errc::invalid_argument);
  CHECK(out.report());
}

TEST_CASE("streams can be moved, with their state") {
  Bytes first, second;
  ostream out(small_chunks(), Sink::memory(first));
  out << std::hex << 255;
  ostream moved = std::move(out);
  moved << ' ' << 255;
  out = ostream(small_chunks(), Sink::memory(second));
  out << 255;
  moved = std::move(out);  // closes the first
  moved.close();

  istream in(Source::memory(second));
  istream other(Source::memory(first));
  int value = 0;
  other >> std::hex >> value;
  CHECK(value == 255);
  in = std::move(other);
  in >> value;
  CHECK(value == 255);
  in >> value;
  CHECK(in.eof());
}

}  // namespace adapipe
