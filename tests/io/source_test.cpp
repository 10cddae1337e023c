#include <fcntl.h>
#include <sys/stat.h>

#include <adapipe/source.hpp>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "io/fixture.hpp"
#include "support/temp_dir.hpp"

namespace adapipe {
namespace {

using namespace testing;

std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A host's own, that gives at most three bytes at a time.
class Trickle final : public SourceImpl {
 public:
  explicit Trickle(Bytes bytes) : bytes_(std::move(bytes)) {}
  std::size_t read(std::span<std::byte> to) override {
    const std::size_t got = std::min({to.size(), bytes_.size() - done_, std::size_t{3}});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(done_), got, to.begin());
    done_ += got;
    return got;
  }

 private:
  Bytes bytes_;
  std::size_t done_ = 0;
};

struct Kind {
  std::string name;
  bool is_positional;
  std::function<Source(const std::filesystem::path&, const Bytes&)> make;
};

std::vector<Kind> kinds() {
  using Path = std::filesystem::path;
  const auto padded = [](const Bytes& bytes) {
    Bytes whole = random_bytes(bytes.size() + 17, 99);
    std::ranges::copy(bytes, whole.begin() + 10);
    return whole;
  };
  return {
      {"file", true, [](const Path& path, const Bytes&) { return Source::file(path); }},
      {"path as a string", true, [](const Path& path, const Bytes&) { return path.string(); }},
      {"memory", true, [](const Path&, const Bytes& bytes) { return Source::memory(bytes); }},
      {"owned", true, [](const Path&, const Bytes& bytes) { return Source::owned(bytes); }},
      {"istream", false,
       [](const Path&, const Bytes& bytes) {
         return Source::from(std::make_unique<std::istringstream>(text_of(bytes)));
       }},
      {"ifstream", false,
       [](const Path& path, const Bytes&) {
         return Source::from(std::make_unique<std::ifstream>(path, std::ios::binary));
       }},
      {"slice of memory", true,
       [padded](const Path&, const Bytes& bytes) {
         return Source::slice(Source::owned(padded(bytes)), 10, bytes.size());
       }},
      {"slice of a slice of a file", true,
       [padded](const Path& path, const Bytes& bytes) {
         put_file(path, padded(bytes));
         return Source::slice(Source::slice(path, 4, bytes.size() + 10), 6, bytes.size());
       }},
      {"own", false,
       [](const Path&, const Bytes& bytes) { return Source(std::make_unique<Trickle>(bytes)); }},
  };
}

TEST_CASE("every source gives its bytes in order, whatever is asked for at once", "[source]") {
  const TempDir folder;
  for (const Kind& kind : kinds()) {
    for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 100'000u}) {
      for (const std::size_t step : {1u, 7u, 4096u, 1'000'000u}) {
        if (step == 1 && size > 5000) continue;
        const Bytes bytes = random_bytes(size, size);
        put_file(folder / "input", bytes);
        const auto source = kind.make(folder / "input", bytes).open();
        INFO(kind.name << ", " << size << " bytes, " << step << " at once");
        CHECK((read_all(*source, step) == bytes));
        Bytes more(1);
        CHECK(source->read(more) == 0);
      }
    }
  }
}

TEST_CASE("a positional source gives any range, cut off at its end", "[source]") {
  const TempDir folder;
  const Bytes bytes = random_bytes(10'000, 3);
  put_file(folder / "input", bytes);
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const auto source = kind.make(folder / "input", bytes).open();
    auto* const positional = dynamic_cast<PositionalSourceImpl*>(source.get());
    REQUIRE((positional != nullptr) == kind.is_positional);
    if (positional == nullptr) {
      CHECK_FALSE(source->size().has_value());
      continue;
    }
    CHECK(positional->total_bytes() == bytes.size());
    CHECK(source->size() == bytes.size());
    for (const auto& [offset, asked, given] : {std::tuple{0u, 10u, 10u},
                                               {5000u, 1u, 1u},
                                               {9990u, 10u, 10u},
                                               {9990u, 100u, 10u},
                                               {10'000u, 5u, 0u},
                                               {20'000u, 5u, 0u},
                                               {0u, 20'000u, 10'000u},
                                               {5u, 0u, 0u}}) {
      INFO(offset << " + " << asked);
      Bytes part(asked);
      REQUIRE(positional->read_at(offset, part) == given);
      CHECK(std::equal(part.begin(), part.begin() + given,
                       bytes.begin() + std::min<std::ptrdiff_t>(offset, 10'000)));
    }
    Bytes part(4);
    CHECK(positional->read_at(~std::uint64_t{0}, part) == 0);
  }
}

TEST_CASE("a positional source reads on where read() ended, whatever read_at() did", "[source]") {
  const Bytes bytes = random_bytes(100, 5);
  const auto source = Source::memory(bytes).open();
  Bytes part(60);
  REQUIRE(source->read(part) == 60);
  Bytes other(10);
  dynamic_cast<PositionalSourceImpl&>(*source).read_at(3, other);
  REQUIRE(source->read(part) == 40);
  CHECK(std::equal(part.begin(), part.begin() + 40, bytes.begin() + 60));
}

/// Serves zeros; tells which of the defaults are used.
class Zeros final : public PositionalSourceImpl {
 public:
  explicit Zeros(bool may_wait) : may_wait_(may_wait) {}
  std::uint64_t total_bytes() const override { return 100; }
  bool may_wait() const noexcept override { return may_wait_; }
  std::size_t read_at(std::uint64_t, std::span<std::byte> to) override { return to.size(); }

 private:
  bool may_wait_;
};

TEST_CASE("a source that may wait gives nothing without waiting, unless it can", "[source]") {
  Bytes part(10);
  CHECK_FALSE(Zeros(true).try_read_at(0, part).has_value());
  CHECK(Zeros(false).try_read_at(0, part) == 10u);

  const Bytes bytes = random_bytes(100, 7);
  for (Source source : {Source::memory(bytes), Source::slice(Source::memory(bytes), 0, 100)}) {
    const auto opened = std::move(source).open();
    CHECK_FALSE(opened->may_wait());
    CHECK(dynamic_cast<PositionalSourceImpl&>(*opened).try_read_at(95, part) == 5u);
  }
}

TEST_CASE("what a file gives without waiting is what is there", "[source]") {
  for (const char* parent : {"/tmp", "/dev/shm"}) {
    if (!std::filesystem::is_directory(parent)) continue;
    INFO(parent);
    const TempDir folder{parent};
    const Bytes bytes = random_bytes(100'000, 8);
    put_file(folder / "input", bytes);
    for (Source source : {Source(folder / "input"), Source::slice(folder / "input", 0, 100'000)}) {
      const auto opened = std::move(source).open();
      auto& positional = dynamic_cast<PositionalSourceImpl&>(*opened);
      Bytes part(70'000);
      for (const std::uint64_t offset : {0u, 50'000u, 99'999u}) {
        const auto got = positional.try_read_at(offset, part);
        if (!positional.may_wait()) REQUIRE(got == positional.read_at(offset, part));
        if (!got) continue;
        REQUIRE(*got > 0);
        CHECK(std::equal(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got),
                         bytes.begin() + static_cast<std::ptrdiff_t>(offset)));
      }
      CHECK(positional.try_read_at(100'000, part) == 0u);
    }
  }
}

TEST_CASE("a file that shrinks gives fewer bytes, one that grows no more", "[source]") {
  const TempDir folder;
  const Bytes bytes = random_bytes(1000, 9);
  put_file(folder / "input", bytes);
  const auto source = Source(folder / "input").open();
  auto& positional = dynamic_cast<PositionalSourceImpl&>(*source);
  Bytes part(2000);
  std::filesystem::resize_file(folder / "input", 3000);
  CHECK(positional.read_at(0, part) == 1000);
  std::filesystem::resize_file(folder / "input", 400);
  CHECK(positional.read_at(0, part) == 400);
  CHECK(positional.total_bytes() == 1000);
}

TEST_CASE("a file that hides its size is read to its end", "[source]") {
  const auto source = Source("/proc/self/status").open();
  CHECK(says(Error(errc::io_error, text_of(read_all(*source, 10))), "VmRSS"));
}

TEST_CASE("a file that cannot be read is an error that names it", "[source]") {
  const TempDir folder;
  const std::string missing = (folder / "missing").string();
  const Error error = error_of([&] { Source(missing).open(); });
  CHECK(error.kind() == errc::io_error);
  CHECK(error.cause() == std::errc::no_such_file_or_directory);
  CHECK(error.path() == missing);

  const Error folder_error = error_of([&] { Source(folder.path()).open(); });
  CHECK(folder_error.kind() == errc::io_error);
  CHECK(folder_error.cause() == std::errc::is_a_directory);
  CHECK(says(folder_error, "tar"));
}

TEST_CASE("a slice that does not fit, or of a stream, is an invalid argument", "[source]") {
  const Bytes bytes = random_bytes(10, 1);
  using Range = std::pair<std::uint64_t, std::uint64_t>;
  for (const Range& range : {Range{0, 11}, {11, 0}, {5, 6}, {5, ~0ull}, {~0ull, 5}}) {
    const Error error =
        error_of([&] { Source::slice(Source::memory(bytes), range.first, range.second).open(); });
    CHECK(error.kind() == errc::invalid_argument);
  }
  const Error of_stream = error_of([&] {
    Source::slice(Source::from(std::make_unique<std::istringstream>("text")), 0, 1).open();
  });
  CHECK(of_stream.kind() == errc::invalid_argument);
  CHECK(read_all(*Source::slice(Source::memory(bytes), 10, 0).open()).empty());
}

TEST_CASE("a file has a version, whatever its time of modification", "[source]") {
  const TempDir folder;
  put_file(folder / "input", from_text("text"));
  for (const std::time_t seconds : {-20'000'000'000L, 0L, 20'000'000'000L}) {
    const timespec times[] = {{.tv_sec = seconds, .tv_nsec = 0}, {.tv_sec = seconds, .tv_nsec = 0}};
    REQUIRE(::utimensat(AT_FDCWD, (folder / "input").c_str(), times, 0) == 0);
    CHECK(Source(folder / "input").open()->file_version().has_value());
  }
}

TEST_CASE("a slice is its file for names and identities, and cancels it", "[source]") {
  struct Cancellable final : PositionalSourceImpl {
    explicit Cancellable(int& count) : cancelled(count) {}
    std::uint64_t total_bytes() const override { return 10; }
    std::size_t read_at(std::uint64_t, std::span<std::byte>) override { return 0; }
    void cancel() noexcept override { ++cancelled; }
    std::string name() const override { return "mine"; }
    std::optional<FileId> file_id() const override { return FileId{4, 2}; }
    int& cancelled;
  };
  int cancelled = 0;
  const auto slice = Source::slice(Source(std::make_unique<Cancellable>(cancelled)), 1, 2).open();
  CHECK(slice->name() == "mine");
  CHECK(slice->file_id() == FileId{4, 2});
  CHECK(slice->may_wait());
  slice->cancel();
  CHECK(cancelled == 1);
}

TEST_CASE("paths, links and descriptors of one file have one identity", "[source]") {
  const TempDir folder;
  put_file(folder / "input", from_text("text"));
  put_file(folder / "other", from_text("text"));
  std::filesystem::create_symlink("input", folder / "symlink");
  std::filesystem::create_hard_link(folder / "input", folder / "hardlink");
  const auto id = [&](const char* name) { return Source(folder / name).open()->file_id(); };
  REQUIRE(id("input").has_value());
  CHECK(id("symlink") == id("input"));
  CHECK(id("hardlink") == id("input"));
  CHECK(id("other") != id("input"));
}

TEST_CASE("a source is opened once", "[source]") {
  const Bytes bytes = random_bytes(10, 1);
  Source source = Source::memory(bytes);
  std::move(source).open();
  CHECK(error_of([&] { std::move(source).open(); }).kind() == errc::invalid_argument);

  Source own{std::make_unique<Trickle>(bytes)};
  Source copy = own;
  std::move(own).open();
  CHECK(error_of([&] { std::move(copy).open(); }).kind() == errc::invalid_argument);
  CHECK(error_of([] { Source(Source::Opener()).open(); }).kind() == errc::invalid_argument);
  CHECK(error_of([] { Source(std::unique_ptr<SourceImpl>()).open(); }).kind() ==
        errc::invalid_argument);
}

TEST_CASE("a stream is read from where it stands and fails as an io_error", "[source]") {
  std::istringstream stream("0123456789");
  stream.get();
  CHECK(read_all(*Source::from(stream).open()) == from_text("123456789"));
  CHECK(error_of([&] { Source::from(stream).open(); }).kind() == errc::io_error);

  std::istringstream throws_at_end("0123456789");
  throws_at_end.exceptions(std::ios::eofbit | std::ios::failbit | std::ios::badbit);
  CHECK(read_all(*Source::from(throws_at_end).open(), 4) == from_text("0123456789"));

  struct Broken : std::streambuf {
    int_type underflow() override { throw std::runtime_error("the tape tore"); }
  };
  for (const bool throws : {false, true}) {
    Broken buffer;
    std::istream broken(&buffer);
    if (throws) broken.exceptions(std::ios::badbit);
    const auto source = Source::from(broken).open();
    const Error error = error_of([&] { read_all(*source); });
    CHECK(error.kind() == errc::io_error);
    CHECK(says(error, "the tape tore") == throws);
  }
}

}  // namespace
}  // namespace adapipe
