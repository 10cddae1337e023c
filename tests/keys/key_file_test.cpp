#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <adapipe/error.hpp>
#include <adapipe/keys.hpp>
#include <cctype>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

using namespace adapipe;
using namespace adapipe::testing;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Bytes bytes_of(const SharedKey& key) { return {key.bytes().begin(), key.bytes().end()}; }

const std::string kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

SharedKey known_key() {
  const Bytes bytes = from_hex(kHex);
  return SharedKey::from_bytes(std::span<const std::byte, 32>(bytes));
}

TEST_CASE("key files of every documented form are read") {
  const TempDir folder;
  const Bytes key = from_hex(kHex);
  const std::string raw(reinterpret_cast<const char*>(key.data()), key.size());
  for (const std::string& content : {raw, kHex, kHex + "\n", kHex + "\r\n"}) {
    write(folder / "key", content);
    CHECK(bytes_of(SharedKey::load(folder / "key")) == key);
  }
}

TEST_CASE("a key that comes through a pipe in pieces is read whole") {
  const Watchdog watchdog;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::thread writer([&] {
    const std::string_view text = kHex;
    for (const std::string_view piece : {text.substr(0, 40), text.substr(40)}) {
      (void)!::write(ends[1], piece.data(), piece.size());
      for (int unread = 1; unread > 0 && ::ioctl(ends[1], FIONREAD, &unread) == 0;)
        std::this_thread::yield();
    }
    ::close(ends[1]);
  });
  Bytes key;
  const errc kind = thrown_kind(
      [&] { key = bytes_of(SharedKey::load("/proc/self/fd/" + std::to_string(ends[0]))); });
  writer.join();
  ::close(ends[0]);
  CHECK(kind == errc{});
  CHECK(key == from_hex(kHex));
}

TEST_CASE("32 bytes are a raw key, even if they look like digits") {
  const TempDir folder;
  const std::string digits(32, '7');
  write(folder / "key", digits);
  CHECK(bytes_of(SharedKey::load(folder / "key")) == from_text(digits));
}

TEST_CASE("files of any other form are refused by name") {
  const TempDir folder;
  std::string bad_first = kHex, bad_last = kHex;
  bad_first.front() = 'g';
  bad_last.back() = ' ';
  const std::vector<std::string> contents = {
      "",          std::string(31, 'x'), std::string(33, 'x'), kHex.substr(1),       kHex + "0",
      kHex + "\r", kHex + "\n\n",        kHex + "\r\n\n",      " " + kHex,           bad_first,
      bad_last,    kHex + "\n" + kHex,   kHex + "\n ",         std::string(64, '\0')};
  for (const std::string& content : contents) {
    write(folder / "key", content);
    try {
      SharedKey::load(folder / "key");
      FAIL("accepted " << content.size() << " bytes");
    } catch (const Error& error) {
      CHECK(error.kind() == errc::invalid_argument);
      CHECK(error.path() == (folder / "key").string());
      if (!content.empty()) CHECK(std::string(error.what()).find(content) == std::string::npos);
    }
  }
}

TEST_CASE("of all characters, 22 are hex digits") {
  const TempDir folder;
  const std::string digits = "0123456789abcdefABCDEF";
  for (int c = 0; c < 256; ++c) {
    std::string content = kHex;
    content[7] = static_cast<char>(c);
    write(folder / "key", content);
    INFO("character " << c);
    const auto load = [&] { SharedKey::load(folder / "key"); };
    if (digits.find(static_cast<char>(c)) != std::string::npos)
      CHECK_NOTHROW(load());
    else
      CHECK(thrown_kind(load) == errc::invalid_argument);
  }
}

TEST_CASE("what the system refuses is an io_error that names file and cause") {
  const TempDir folder;
  try {
    SharedKey::load(folder / "none");
    FAIL("loaded a file that is not there");
  } catch (const Error& error) {
    CHECK(error.kind() == errc::io_error);
    CHECK(error.path() == (folder / "none").string());
    CHECK(error.cause() == std::errc::no_such_file_or_directory);
  }
  CHECK(thrown_kind([] { SharedKey::load(fs::temp_directory_path()); }) == errc::io_error);
  CHECK(thrown_kind([&] { known_key().save(folder / "none/key"); }) == errc::io_error);
}

TEST_CASE("a saved key is 64 digits and a newline, for the owner alone, and loads again") {
  const TempDir folder;
  known_key().save(folder / "key");
  std::string lower = kHex;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  CHECK(read(folder / "key") == lower + "\n");
  struct stat status {};
  REQUIRE(::stat((folder / "key").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(bytes_of(SharedKey::load(folder / "key")) == bytes_of(known_key()));
}

TEST_CASE("saving never overwrites, nor follows a link") {
  const TempDir folder;
  write(folder / "key", "precious");
  fs::create_symlink(folder / "key", folder / "link");
  fs::create_symlink(folder / "nowhere", folder / "dangling");
  for (const char* name : {"key", "link", "dangling"}) {
    try {
      known_key().save(folder / name);
      FAIL("overwrote " << name);
    } catch (const Error& error) {
      CHECK(error.kind() == errc::already_exists);
      CHECK(error.path() == (folder / name).string());
      CHECK(error.cause() == std::errc::file_exists);
    }
  }
  CHECK(read(folder / "key") == "precious");
  CHECK_FALSE(fs::exists(folder / "nowhere"));
}

/// Lets files grow to `bytes` only, without the signal.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_CASE("a key that cannot be written in full leaves no file") {
  const TempDir folder;
  for (const rlim_t bytes : {0u, 1u, 64u}) {
    const FileSizeLimit limit(bytes);
    CHECK(thrown_kind([&] { known_key().save(folder / "key"); }) == errc::io_error);
    CHECK(fs::is_empty(folder.path()));
  }
}

TEST_CASE("generated keys differ") {
  CHECK(bytes_of(SharedKey::generate()) != bytes_of(SharedKey::generate()));
  CHECK(bytes_of(SharedKey::generate()) != Bytes(32));
}

}  // namespace
