#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <adapipe/sink.hpp>
#include <csignal>
#include <utility>

#include "io/fixture.hpp"
#include "io/posix.hpp"
#include "support/temp_dir.hpp"

namespace adapipe {
namespace {

using namespace testing;
using Names = std::vector<std::string>;

FileSinkOptions overwriting() { return {.overwrite = true}; }

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

TEST_CASE("the target is untouched until commit", "[file_sink]") {
  const TempDir folder;
  const auto path = folder / "output";
  const bool exists = GENERATE(false, true);
  if (exists) put_file(path, from_text("old"));
  const auto sink =
      Sink::file(path, {.overwrite = exists, .durable = GENERATE(true, false)}).open({});
  sink->write(from_text("new"));
  const Names names = names_in(folder.path());
  REQUIRE(names.size() == (exists ? 2u : 1u));
  CHECK(names.front().starts_with(".output."));
  CHECK(names.front().ends_with(".partial"));
  CHECK(names.front().size() == std::string(".output.XXXXXX.partial").size());
  if (exists) CHECK(get_file(path) == from_text("old"));
  sink->commit();
  CHECK(get_file(path) == from_text("new"));
  CHECK(names_in(folder.path()) == Names{"output"});
}

TEST_CASE("abandoned or forgotten, nothing is left and the old file is", "[file_sink]") {
  const TempDir folder;
  put_file(folder / "output", from_text("old"));
  put_file(folder / ".output.abcdef.partial", from_text("somebody else's"));
  auto sink = Sink::file(folder / "output", overwriting()).open({});
  sink->write(from_text("new"));
  CHECK(names_in(folder.path()).size() == 3);
  if (GENERATE(false, true)) sink->abandon();
  sink.reset();
  CHECK(get_file(folder / "output") == from_text("old"));
  CHECK(names_in(folder.path()) == Names{".output.abcdef.partial", "output"});
}

TEST_CASE("an existing file is refused unless overwriting is asked for", "[file_sink]") {
  const TempDir folder;
  const auto path = folder / "output";
  put_file(folder / "existing", from_text("old"));
  SECTION("at once") {
    const std::string name = (folder / "existing").string();
    const Error error = error_of([&] { Sink(name).open({}); });
    CHECK(error.kind() == errc::already_exists);
    CHECK(error.cause() == std::errc::file_exists);
    CHECK(error.path() == name);
    CHECK(names_in(folder.path()) == Names{"existing"});
  }
  SECTION("also when it appears before commit") {
    const auto sink = Sink(path).open({});
    sink->write(from_text("new"));
    put_file(path, from_text("faster"));
    CHECK(error_of([&] { sink->commit(); }).kind() == errc::already_exists);
    CHECK(get_file(path) == from_text("faster"));
    CHECK(names_in(folder.path()) == Names{"existing", "output"});
  }
}

TEST_CASE("a commit that fails leaves nothing", "[file_sink]") {
  const TempDir folder;
  const auto sink = Sink::file(folder / "output", overwriting()).open({});
  sink->write(from_text("new"));
  std::filesystem::create_directory(folder / "output");
  const Error error = error_of([&] { sink->commit(); });
  CHECK(error.kind() == errc::io_error);
  CHECK(error.cause() == std::errc::is_a_directory);
  CHECK(names_in(folder.path()) == Names{"output"});
}

TEST_CASE("permissions are those asked for, or those the umask leaves", "[file_sink]") {
  const TempDir folder;
  const auto path = folder / "output";
  const mode_t before = ::umask(027);
  for (const auto& [asked, given] : {std::pair<std::optional<unsigned>, mode_t>{std::nullopt, 0640},
                                     {0666, 0666},
                                     {0600, 0600},
                                     {0444, 0444}}) {
    FileSinkOptions options = overwriting();
    if (asked) options.permissions = std::filesystem::perms(*asked);
    const auto sink = Sink::file(path, options).open({});
    sink->write(from_text("text"));
    CHECK((mode_of(folder / names_in(folder.path()).front()) & ~given) == 0);
    sink->commit();
    CHECK(mode_of(path) == given);
  }
  ::umask(before);
}

TEST_CASE("a place where no file can be is an error that names it", "[file_sink]") {
  const TempDir folder;
  put_file(folder / "file", from_text("text"));
  struct Case {
    std::filesystem::path path;
    std::errc cause;
    std::string words;
  };
  for (const Case& c :
       {Case{folder / "missing/output", std::errc::no_such_file_or_directory,
             (folder / "missing").string() + ":"},
        Case{folder.path(), std::errc::is_a_directory, "folder"},
        Case{folder / "new/", std::errc::is_a_directory, "not the name of a file"},
        Case{"", std::errc::is_a_directory, "not the name of a file"},
        Case{folder / "file/output", std::errc::not_a_directory, "cannot create"},
        Case{folder / std::string(256, 'x'), std::errc::filename_too_long, "cannot create"}}) {
    INFO(c.path);
    const Error error = error_of([&] { Sink::file(c.path, overwriting()).open({}); });
    CHECK(error.kind() == errc::io_error);
    CHECK(error.cause() == c.cause);
    CHECK(error.path() == c.path.string());
    CHECK(says(error, c.words));
  }
  CHECK(names_in(folder.path()) == Names{"file"});
}

TEST_CASE("names up to the system's limit can be written", "[file_sink]") {
  const TempDir folder;
  std::string umlauts = "x";
  while (umlauts.size() < 255) umlauts += "\xC3\xA4";
  for (const std::string& name :
       {std::string(1, 'x'), std::string(239, 'x'), std::string(240, 'x'), umlauts}) {
    const auto sink = Sink(folder / name).open({});
    sink->write(from_text("text"));
    const std::string partial = names_in(folder.path()).front();
    CHECK(partial.size() <= 255);
    CHECK((partial[partial.size() - 16] & 0xC0) != 0xC0);
    sink->commit();
    CHECK(names_in(folder.path()) == Names{name});
    std::filesystem::remove(folder / name);
  }
}

TEST_CASE("the input is never the output, by whatever name", "[file_sink]") {
  const TempDir folder;
  put_file(folder / "input", from_text("text"));
  std::filesystem::create_symlink("input", folder / "symlink");
  std::filesystem::create_hard_link(folder / "input", folder / "hardlink");
  SinkHints hints;
  hints.input = Source(folder / "input").open()->file_id();
  for (const char* name : {"input", "symlink", "hardlink"}) {
    for (const bool overwrite : {false, true}) {
      INFO(name);
      const Error error =
          error_of([&] { Sink::file(folder / name, {.overwrite = overwrite}).open(hints); });
      CHECK(error.kind() == errc::invalid_argument);
      CHECK(says(error, "the same file"));
    }
  }
  Sink(folder / "output").open(hints)->commit();
  CHECK(get_file(folder / "input") == from_text("text"));
}

TEST_CASE("a symbolic link stays, and what it points to is written", "[file_sink]") {
  const TempDir folder;
  std::filesystem::create_directory(folder / "sub");
  std::filesystem::create_symlink("sub/second", folder / "first");
  std::filesystem::create_symlink("output", folder / "sub/second");
  for (const char* text : {"created", "replaced"}) {
    const auto sink = Sink::file(folder / "first", overwriting()).open({});
    sink->write(from_text(text));
    sink->commit();
    CHECK(get_file(folder / "sub/output") == from_text(text));
  }
  CHECK(std::filesystem::is_symlink(folder / "first"));
  CHECK(std::filesystem::is_symlink(folder / "sub/second"));
  CHECK(error_of([&] { Sink(folder / "first").open({}); }).kind() == errc::already_exists);

  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK(error_of([&] { Sink(folder / "loop").open({}); }).cause() ==
        std::errc::too_many_symbolic_link_levels);
}

TEST_CASE("another user's link in a folder that all may write is not followed", "[file_sink]") {
  if (::geteuid() != 0) return;  // only root can make such a link
  constexpr uid_t kSomebody = 65534;
  constexpr uid_t kNobodyElse = 65533;
  const TempDir folder;
  const TempDir target;
  const std::filesystem::path link = folder / "link";
  std::filesystem::create_symlink(target / "output", link);
  struct Case {
    const char* name;
    mode_t mode;
    uid_t owner_of_folder;
    uid_t owner_of_link;
    bool refused;
  };
  for (const Case& c :
       {Case{"planted", 01777, 0, kSomebody, true}, Case{"our own", 01777, kSomebody, 0, false},
        Case{"of the folder's owner", 01777, kSomebody, kSomebody, false},
        Case{"in a folder of a third one", 01777, kNobodyElse, kSomebody, true},
        Case{"not writable by all", 01755, 0, kSomebody, false},
        Case{"not sticky", 0777, 0, kSomebody, false}}) {
    INFO(c.name);
    REQUIRE(::chmod(folder.path().c_str(), c.mode) == 0);
    REQUIRE(::chown(folder.path().c_str(), c.owner_of_folder, 0) == 0);
    REQUIRE(::lchown(link.c_str(), c.owner_of_link, 0) == 0);
    const auto open = [&] { Sink(link).open({})->abandon(); };
    if (c.refused)
      CHECK(says(error_of(open), "not followed"));
    else
      CHECK_NOTHROW(open());
  }
}

TEST_CASE("the file goes where it was opened, though the working folder changes", "[file_sink]") {
  const TempDir folder;
  const TempDir other;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const auto sink = Sink("output").open({});
  std::filesystem::current_path(other.path());
  sink->write(from_text("text"));
  sink->commit();
  std::filesystem::current_path(before);
  CHECK(names_in(folder.path()) == Names{"output"});
  CHECK(names_in(other.path()).empty());
}

/// Lets the process write files of at most `bytes` bytes, EFBIG beyond.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

TEST_CASE("a disk that is full is an error and leaves nothing", "[file_sink]") {
  const TempDir folder;
  put_file(folder / "output", from_text("old"));
  const Sink made = Sink::file(folder / "output", overwriting());
  const std::string name = (folder / "output").string();
  {
    const FileSizeLimit limit(10'000);
    {
      const auto sink = Sink(made).open({});
      auto& positional = dynamic_cast<PositionalSinkImpl&>(*sink);
      positional.write_at(0, Bytes(4000));
      const Error error = error_of([&] { positional.write_at(4000, Bytes(8000)); });
      CHECK(error.kind() == errc::io_error);
      CHECK(error.cause() == std::errc::file_too_large);
      CHECK(error.path() == name);
      CHECK(error.offset() == 10'000u);
      sink->abandon();
    }
    const bool is_reserved_early =
        !is_in_memory(open_descriptor(folder.path(), O_RDONLY | O_DIRECTORY).get());
    for (const std::uint64_t bytes : {std::uint64_t{20'000}, ~std::uint64_t{0}}) {
      if (!is_reserved_early) break;
      SinkHints hints;
      hints.total_bytes = bytes;
      const Error early = error_of([&] { Sink(made).open(hints); });
      CHECK(early.kind() == errc::io_error);
      CHECK(early.cause() == std::errc::file_too_large);
    }
  }
  CHECK(get_file(folder / "output") == from_text("old"));
  CHECK(names_in(folder.path()) == Names{"output"});
}

}  // namespace
}  // namespace adapipe
