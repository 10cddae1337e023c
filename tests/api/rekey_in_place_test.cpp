#include <fcntl.h>
#include <sys/stat.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/rekey_fixture.hpp"
#include "io/posix.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/key_providers.hpp"
#include "support/round_trip.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

/// The names of the files in the folder, and what they hold.
std::map<std::string, Bytes> files_in(const TempDir& dir) {
  std::map<std::string, Bytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
    files[entry.path().filename()] = read_file(entry.path());
  return files;
}

}  // namespace

TEST_CASE("a file that somebody changes while it is rekeyed in its place is kept as it is then") {
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(kSeveralBuffers, 1));
  const auto file = dir / "a";
  struct Case {
    const char* name;
    std::function<void()> change;
  };
  const Case cases[] = {
      {"replaced by an equal file",
       [&] {
         std::filesystem::copy_file(file, dir / "b");
         std::filesystem::last_write_time(dir / "b", std::filesystem::last_write_time(file));
         std::filesystem::rename(dir / "b", file);
       }},
      {"replaced by a link to an equal file",
       [&] {
         std::filesystem::rename(file, dir / "b");
         std::filesystem::create_symlink(dir / "b", file);
       }},
      {"written to",
       [&] {
         std::filesystem::last_write_time(
             file, std::filesystem::last_write_time(file) + std::chrono::nanoseconds(1000));
       }},
      {"appended to, and its time set back",
       [&] {
         const auto time = std::filesystem::last_write_time(file);
         std::ofstream(file, std::ios::app) << 'x';
         std::filesystem::last_write_time(file, time);
       }},
      {"removed", [&] { std::filesystem::remove(file); }},
  };
  for (const FileSinkOptions& sink : {FileSinkOptions{.overwrite = true, .durable = false},
                                      FileSinkOptions{.replaces_input = true, .durable = false}})
    for (const Case& c : cases) {
      INFO(c.name);
      std::filesystem::remove(file);
      write_file(file, sealed);
      bool changed = false;
      std::map<std::string, Bytes> then;
      const auto change_once = [&](const Progress&) {
        if (std::exchange(changed, true)) return;
        c.change();
        then = files_in(dir);
        std::erase_if(then, [](const auto& f) { return f.first.ends_with(".partial"); });
      };
      const Error error = thrown_by([&] {
        rekey(file, Sink::file(file, sink),
              {.identities = {key}, .add = {key}, .on_progress = change_once});
      });
      CHECK(error.kind() == errc::io_error);
      CHECK(std::string(error.what()).find("changed or replaced") != std::string::npos);
      CHECK(files_in(dir) == then);
      std::filesystem::remove(dir / "b");
    }
}

TEST_CASE("only the file that was opened is replaced, if that is what the sink was asked for") {
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  const auto file = dir / "a";
  const Bytes newer = from_text("newer");
  const auto replacing_service =
      std::make_shared<CallableProvider>([](auto, const auto&) { return Bytes(1); },
                                         [&](auto, const auto&) -> std::optional<SharedKey> {
                                           write_file(dir / "b", newer);
                                           std::filesystem::rename(dir / "b", file);
                                           return std::nullopt;
                                         });
  write_file(file, sealed_for({replacing_service, key}, random_bytes(100, 1)));
  const Sink sink = Sink::file(file, {.replaces_input = true, .durable = false});
  rekey(file, sink, {.identities = {key}, .add = {key}});
  CHECK(inspect(file).slot_types.size() == 3);
  const auto fails = [&](const Source& source, const ListOf<Identity>& identities) {
    return thrown_kind([&] { rekey(source, sink, {.identities = identities, .add = {key}}); });
  };
  CHECK(fails(Source::owned(read_file(file)), {key}) == errc::io_error);
  CHECK(fails(file, {replacing_service, key}) == errc::io_error);
  CHECK(files_in(dir) == std::map<std::string, Bytes>{{"a", newer}});
}

TEST_CASE("a sink that replaces the input writes into no device, pipe or descriptor instead") {
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(100, 1));
  write_file(dir / "a", sealed);
  std::filesystem::create_symlink("/dev/null", dir / "device");
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  const Descriptor reader = open_descriptor(dir / "pipe", O_RDONLY | O_NONBLOCK);
  const Descriptor null = open_descriptor("/dev/null", O_WRONLY);
  const std::filesystem::path descriptor = "/dev/fd/" + std::to_string(null.get());
  for (const auto& to : {dir / "device", dir / "pipe", descriptor}) {
    INFO(to);
    const Error error = thrown_by([&] {
      rekey(dir / "a", Sink::file(to, {.replaces_input = true}),
            {.identities = {key}, .add = {key}});
    });
    CHECK(error.kind() == errc::io_error);
    CHECK(std::string(error.what()).find("changed or replaced") != std::string::npos);
  }
  CHECK(read_file(dir / "a") == sealed);
}

TEST_CASE("a container that is a part of a file does not take the place of the whole") {
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = sealed_for({key}, random_bytes(100, 1));
  Bytes whole = sealed;
  whole.insert(whole.end(), sealed.begin(), sealed.end());
  write_file(dir / "a", whole);
  for (const FileSinkOptions& options :
       {FileSinkOptions{.overwrite = true}, FileSinkOptions{.replaces_input = true}})
    CHECK(thrown_kind([&] {
            rekey(Source::slice(dir / "a", sealed.size(), sealed.size()),
                  Sink::file(dir / "a", options), {.identities = {key}, .add = {key}});
          }) == errc::invalid_argument);
  CHECK(read_file(dir / "a") == whole);
}

}  // namespace adapipe
