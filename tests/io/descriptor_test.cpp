#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "io/fixture.hpp"
#include "support/temp_dir.hpp"

namespace adapipe {
namespace {

using namespace testing;

struct Kind {
  const char* name;
  void (*open)(Ends&);
};

/// Read and written through Source::fd and Sink::fd.
const Kind kKinds[] = {
    {"pipe",
     [](Ends& ends) {
       int both[2];
       REQUIRE(::pipe2(both, O_CLOEXEC) == 0);
       ends.read = both[0];
       ends.write = both[1];
     }},
    {"pipe set to O_NONBLOCK",
     [](Ends& ends) {
       int both[2];
       REQUIRE(::pipe2(both, O_CLOEXEC | O_NONBLOCK) == 0);
       ends.read = both[0];
       ends.write = both[1];
     }},
    {"socket",
     [](Ends& ends) {
       int both[2];
       REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0);
       ends.read = both[0];
       ends.write = both[1];
     }},
};

TEST_CASE("a descriptor carries everything, in order, from sink to source", "[descriptor]") {
  const Watchdog watchdog;
  for (const Kind& kind : kKinds) {
    for (const std::size_t size : {0u, 1u, 4096u, 5'000'001u}) {
      for (const std::size_t step : {1000u, 300'000u, 10'000'000u}) {
        INFO(kind.name << ", " << size << " bytes, " << step << " at once");
        Ends ends;
        kind.open(ends);
        const Bytes bytes = random_bytes(size, size);
        std::thread writer([&] {
          const auto sink = Sink::fd(ends.write).open({});
          for (std::size_t at = 0; at < size; at += step)
            sink->write(std::span(bytes).subspan(at, std::min(step, size - at)));
          sink->commit();
          ends.close_write();
        });
        const auto source = Source::fd(ends.read).open();
        const Bytes got = read_all(*source, step);
        writer.join();
        CHECK((got == bytes));
      }
    }
  }
}

TEST_CASE("borrowed descriptors stay open and keep their flags", "[descriptor]") {
  for (const Kind& kind : kKinds) {
    INFO(kind.name);
    Ends ends;
    kind.open(ends);
    const int read_flags = ::fcntl(ends.read, F_GETFL);
    const int write_flags = ::fcntl(ends.write, F_GETFL);
    const auto sink = Sink::fd(ends.write).open({});
    sink->write(from_text("text"));
    {
      const auto source = Source::fd(ends.read).open();
      Bytes part(10);
      CHECK(source->read(part) == 4);
      CHECK(::fcntl(ends.read, F_GETFL) == read_flags);
    }
    CHECK(::fcntl(ends.write, F_GETFL) == write_flags);
    sink->commit();
    CHECK(::fcntl(ends.read, F_GETFD) >= 0);
    CHECK(::fcntl(ends.write, F_GETFD) >= 0);
  }
}

TEST_CASE("after commit or abandon, closing the descriptor is the end for the reader",
          "[descriptor]") {
  const Watchdog watchdog;
  for (const bool commits : {true, false}) {
    Ends ends;
    kKinds[0].open(ends);
    const auto sink = Sink::fd(ends.write).open({});
    if (commits)
      sink->commit();
    else
      sink->abandon();
    ends.close_write();
    char byte{};
    CHECK(::read(ends.read, &byte, 1) == 0);
  }
}

TEST_CASE("cancelling wakes a reader that waits, and every later read throws", "[descriptor]") {
  const Watchdog watchdog;
  for (const Kind& kind : kKinds) {
    INFO(kind.name);
    Ends ends;
    kind.open(ends);
    const auto source = Source::fd(ends.read, "the wire").open();
    std::atomic<bool> was_cancelled = false;
    std::thread reader([&] {
      try {
        read_all(*source);
      } catch (const Error& error) {
        was_cancelled = error.kind() == errc::cancelled && error.path() == "the wire";
      }
    });
    source->cancel();
    source->cancel();
    reader.join();
    CHECK(was_cancelled);
    REQUIRE(::write(ends.write, "text", 4) == 4);
    CHECK(error_of([&] { read_all(*source); }).kind() == errc::cancelled);
  }
}

TEST_CASE("cancelling wakes a writer whose reader does not read", "[descriptor]") {
  const Watchdog watchdog;
  const Bytes bytes(4 << 20);
  for (const Kind& kind : kKinds) {
    INFO(kind.name);
    Ends ends;
    kind.open(ends);
    const auto sink = Sink::fd(ends.write).open({});
    std::atomic<bool> was_cancelled = false;
    std::thread writer([&] {
      try {
        for (;;) sink->write(bytes);
      } catch (const Error& error) {
        was_cancelled = error.kind() == errc::cancelled;
      }
    });
    char first{};
    while (::read(ends.read, &first, 1) < 0 && errno == EAGAIN) std::this_thread::yield();
    sink->cancel();
    writer.join();
    CHECK(was_cancelled);
    sink->abandon();
  }
}

TEST_CASE("a reader that went away is an io_error, and no signal for the host", "[descriptor]") {
  static std::atomic<int> signals;
  signals = 0;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { ++signals; };
  ::sigaction(SIGPIPE, &action, &before);
  for (const Kind& kind : kKinds) {
    INFO(kind.name);
    Ends ends;
    kind.open(ends);
    const auto sink = Sink::fd(ends.write, "the wire").open({});
    ends.close_read();
    const Error error = error_of([&] { sink->write(from_text("text")); });
    CHECK(error.kind() == errc::io_error);
    CHECK(error.cause() == std::errc::broken_pipe);
    CHECK(error.path() == "the wire");
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    CHECK(sigismember(&mask, SIGPIPE) == 0);
  }
  ::sigaction(SIGPIPE, &before, nullptr);
  CHECK(signals == 0);
}

TEST_CASE("a SIGPIPE that was pending before a write stays pending", "[descriptor]") {
  sigset_t sigpipe;
  sigset_t before;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
  ::pthread_kill(::pthread_self(), SIGPIPE);
  Ends ends;
  kKinds[0].open(ends);
  const auto sink = Sink::fd(ends.write).open({});
  ends.close_read();
  CHECK(error_of([&] { sink->write(from_text("text")); }).kind() == errc::io_error);
  const timespec no_wait{};
  CHECK(::sigtimedwait(&sigpipe, nullptr, &no_wait) == SIGPIPE);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("a descriptor of a regular file is read from its start, positionally", "[descriptor]") {
  const TempDir folder;
  const Bytes bytes = random_bytes(1000, 4);
  put_file(folder / "input", bytes);
  const Ends ends(::open((folder / "input").c_str(), O_RDONLY | O_CLOEXEC), -1);
  REQUIRE(::lseek(ends.read, 500, SEEK_SET) == 500);
  for (const Source& made :
       {Source::fd(ends.read), Source("/proc/self/fd/" + std::to_string(ends.read)),
        Source("/dev/fd/" + std::to_string(ends.read))}) {
    const auto source = Source(made).open();
    CHECK(dynamic_cast<PositionalSourceImpl*>(source.get()) != nullptr);
    CHECK(source->file_id() == Source(folder / "input").open()->file_id());
    CHECK(read_all(*source) == bytes);
  }
  CHECK(::lseek(ends.read, 0, SEEK_CUR) == 500);
}

TEST_CASE("a descriptor of a regular file is written from where it stands", "[descriptor]") {
  const TempDir folder;
  put_file(folder / "output", from_text("0123456789"));
  const Ends ends(-1, ::open((folder / "output").c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(::lseek(ends.write, 4, SEEK_SET) == 4);
  for (Sink made : {Sink::fd(ends.write), Sink("/dev/fd/" + std::to_string(ends.write))}) {
    const auto sink = std::move(made).open({});
    sink->write(from_text("ab"));
    sink->commit();
  }
  CHECK(get_file(folder / "output") == from_text("0123abab89"));

  SinkHints hints;
  hints.input = Source(folder / "output").open()->file_id();
  CHECK(error_of([&] { Sink::fd(ends.write).open(hints); }).kind() == errc::invalid_argument);
}

TEST_CASE("a descriptor that cannot be used is an io_error", "[descriptor]") {
  CHECK(error_of([] { Source::fd(-1).open(); }).cause() == std::errc::bad_file_descriptor);
  CHECK(error_of([] { Sink::fd(-1).open({}); }).cause() == std::errc::bad_file_descriptor);
  const TempDir folder;
  const Ends ends(::open(folder.path().c_str(), O_RDONLY | O_CLOEXEC), -1);
  CHECK(error_of([&] { Source::fd(ends.read).open(); }).cause() == std::errc::is_a_directory);
}

TEST_CASE("a FIFO is opened before its other end and stays where it is", "[descriptor]") {
  const Watchdog watchdog;
  const TempDir folder;
  const auto fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const Bytes bytes = random_bytes(3'000'000, 6);

  SECTION("read") {
    const auto source = Source(fifo).open();
    CHECK_FALSE(source->size().has_value());
    std::thread writer([&] { std::ofstream(fifo) << "text"; });
    CHECK(read_all(*source) == from_text("text"));
    writer.join();
  }
  SECTION("written") {
    FileSinkOptions options;
    options.overwrite = GENERATE(false, true);
    const auto sink = Sink::file(fifo, options).open({});
    CHECK(dynamic_cast<PositionalSinkImpl*>(sink.get()) == nullptr);
    Bytes got;
    std::thread reader([&] { got = read_all(*Source(fifo).open()); });
    sink->write(bytes);
    sink->commit();
    reader.join();
    CHECK((got == bytes));
  }
  SECTION("written with nothing") {
    const auto sink = Sink(fifo).open({});
    std::thread reader([&] { CHECK(read_all(*Source(fifo).open()).empty()); });
    sink->commit();
    reader.join();
  }
  SECTION("cancelled without a writer") {
    const auto source = Source(fifo).open();
    std::thread reader(
        [&] { CHECK(error_of([&] { read_all(*source); }).kind() == errc::cancelled); });
    source->cancel();
    reader.join();
  }
  SECTION("cancelled without a reader") {
    const auto sink = Sink(fifo).open({});
    std::thread writer(
        [&] { CHECK(error_of([&] { sink->write(bytes); }).kind() == errc::cancelled); });
    sink->cancel();
    writer.join();
    sink->abandon();
  }
  SECTION("from and to itself") {
    SinkHints hints;
    hints.input = Source(fifo).open()->file_id();
    CHECK(error_of([&] { Sink(fifo).open(hints); }).kind() == errc::invalid_argument);
  }
  CHECK(std::filesystem::is_fifo(fifo));
  CHECK(names_in(folder.path()) == std::vector<std::string>{"fifo"});
}

TEST_CASE("a device is read and written in place", "[descriptor]") {
  CHECK(read_all(*Source("/dev/null").open()).empty());
  SinkHints hints;
  hints.input = Source("/dev/null").open()->file_id();
  const auto sink = Sink("/dev/null").open(hints);
  sink->write(from_text("text"));
  sink->commit();
  CHECK(std::filesystem::is_character_file("/dev/null"));

  const auto full = Sink("/dev/full").open({});
  const Error error = error_of([&] { full->write(from_text("text")); });
  CHECK(error.kind() == errc::io_error);
  CHECK(error.cause() == std::errc::no_space_on_device);
  CHECK(error.path() == "/dev/full");
  full->abandon();
}

}  // namespace
}  // namespace adapipe
