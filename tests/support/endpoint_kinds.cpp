#include "support/endpoint_kinds.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "support/endpoints.hpp"
#include "support/round_trip.hpp"

namespace adapipe::testing {

namespace {

std::string as_string(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {
    if (fd < 0) throw std::runtime_error("no descriptor");
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Two descriptors; what is written to one comes out of the other.
struct Connection {
  Descriptor reading;
  Descriptor writing;
};

Connection make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Connection make_socket() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) throw std::runtime_error("no socket");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

void write_all(int fd, const Bytes& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n <= 0) return;
    done += static_cast<std::size_t>(n);
  }
}

void read_to_end(int fd, Bytes& all) {
  Bytes part(1 << 16);
  for (ssize_t n = 0; (n = ::read(fd, part.data(), part.size())) > 0;)
    all.insert(all.end(), part.begin(), part.begin() + n);
}

Bytes read_all(int fd) {
  Bytes all;
  read_to_end(fd, all);
  return all;
}

void use_as_source(Connection connection, const Bytes& bytes,
                   const std::function<void(Source)>& use) {
  std::jthread writer([&] {
    write_all(connection.writing.get(), bytes);
    connection.writing.close();
  });
  use(Source::fd(connection.reading.get()));
}

Bytes use_as_sink(Connection connection, const std::function<void(Sink)>& use) {
  Bytes bytes;
  std::jthread reader([&] { bytes = read_all(connection.reading.get()); });
  use(Sink::fd(connection.writing.get()));
  connection.writing.close();
  reader.join();
  return bytes;
}

std::filesystem::path make_fifo(const std::filesystem::path& dir, const char* name) {
  const std::filesystem::path fifo = dir / name;
  std::filesystem::remove(fifo);
  if (::mkfifo(fifo.c_str(), 0600) != 0) throw std::runtime_error("no FIFO");
  return fifo;
}

/// A terminal that passes every byte on as it is.
struct Terminal {
  Terminal() : master(::posix_openpt(O_RDWR | O_NOCTTY)) {
    if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0)
      throw std::runtime_error("no terminal");
    path = ::ptsname(master.get());
    Descriptor slave(::open(path.c_str(), O_RDWR | O_NOCTTY));
    termios mode{};
    ::tcgetattr(slave.get(), &mode);
    ::cfmakeraw(&mode);
    ::tcsetattr(slave.get(), TCSANOW, &mode);
    held = std::make_unique<Descriptor>(std::move(slave));  // so that it does not hang up
  }
  Descriptor master;
  std::string path;
  std::unique_ptr<Descriptor> held;
};

/// What a host's own sink was given.
class Collector final : public SinkImpl {
 public:
  explicit Collector(Bytes& bytes) : bytes_(bytes) { bytes_.clear(); }
  void write(std::span<const std::byte> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void commit() override {}
  void abandon() noexcept override { bytes_.clear(); }

 private:
  Bytes& bytes_;
};

class PositionalCollector final : public PositionalSinkImpl {
 public:
  PositionalCollector(Bytes& bytes, bool waits) : bytes_(bytes), waits_(waits) { bytes_.clear(); }
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const std::lock_guard lock(mutex_);
    bytes_.resize(std::max<std::size_t>(bytes_.size(), offset + bytes.size()));
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void commit() override {}
  void abandon() noexcept override { bytes_.clear(); }
  bool may_wait() const noexcept override { return waits_; }

 private:
  std::mutex mutex_;
  Bytes& bytes_;
  const bool waits_;
};

template <typename Impl, typename... Args>
Bytes collected_by(const std::function<void(Sink)>& use, Args... args) {
  Bytes bytes;
  use(Sink(std::make_unique<Impl>(bytes, args...)));
  return bytes;
}

}  // namespace

const std::vector<SourceKind>& source_kinds() {
  static const std::vector<SourceKind> kinds{
      {"memory", true, [](const Bytes& bytes, auto&, auto& use) { use(Source::memory(bytes)); }},
      {"owned memory", true,
       [](const Bytes& bytes, auto&, auto& use) { use(Source::owned(bytes)); }},
      {"file", true,
       [](const Bytes& bytes, auto& dir, auto& use) {
         write_file(dir / "source", bytes);
         use(dir / "source");
       }},
      {"descriptor of a file", true,
       [](const Bytes& bytes, auto& dir, auto& use) {
         write_file(dir / "source", bytes);
         const Descriptor file(::open((dir / "source").c_str(), O_RDONLY));
         use(Source::fd(file.get()));
       }},
      {"slice", true,
       [](const Bytes& bytes, auto&, auto& use) {
         Bytes wider = from_text("before");
         wider.insert(wider.end(), bytes.begin(), bytes.end());
         wider.push_back(std::byte{1});
         use(Source::slice(Source::memory(wider), 6, bytes.size()));
       }},
      {"istream", false,
       [](const Bytes& bytes, auto&, auto& use) {
         std::istringstream stream(as_string(bytes));
         use(Source::from(stream));
       }},
      {"owned istream", false,
       [](const Bytes& bytes, auto& dir, auto& use) {
         write_file(dir / "source", bytes);
         use(Source::from(std::make_unique<std::ifstream>(dir / "source", std::ios::binary)));
       }},
      {"pipe", false,
       [](const Bytes& bytes, auto&, auto& use) { use_as_source(make_pipe(), bytes, use); }},
      {"socket", false,
       [](const Bytes& bytes, auto&, auto& use) { use_as_source(make_socket(), bytes, use); }},
      {"FIFO", false,
       [](const Bytes& bytes, auto& dir, auto& use) {
         const std::filesystem::path fifo = make_fifo(dir, "source.fifo");
         std::jthread writer([&] {
           const Descriptor end(::open(fifo.c_str(), O_WRONLY));
           write_all(end.get(), bytes);
         });
         use(fifo);
       }},
      {"/dev/fd path of a pipe", false,
       [](const Bytes& bytes, auto&, auto& use) {
         Connection pipe = make_pipe();
         std::jthread writer([&] {
           write_all(pipe.writing.get(), bytes);
           pipe.writing.close();
         });
         use("/dev/fd/" + std::to_string(pipe.reading.get()));
       }},
      {"host's stream", false,
       [](const Bytes& bytes, auto&, auto& use) {
         use(Source(std::make_unique<HookedStream>(bytes, BeforeCall())));
       }},
      {"host's positional source", true,
       [](const Bytes& bytes, auto&, auto& use) {
         use(Source(std::make_unique<HookedSource>(bytes, false, BeforeCall())));
       }},
      {"host's positional source that may wait", true,
       [](const Bytes& bytes, auto&, auto& use) {
         use(Source(std::make_unique<HookedSource>(bytes, true, BeforeCall())));
       }},
  };
  return kinds;
}

const std::vector<SinkKind>& sink_kinds() {
  static const std::vector<SinkKind> kinds{
      {"memory",
       [](auto&, auto& use) {
         Bytes bytes = from_text("gone");
         use(Sink::memory(bytes));
         return bytes;
       }},
      {"file",
       [](auto& dir, auto& use) {
         use(Sink::file(dir / "sink", {.overwrite = true, .durable = false}));
         return read_file(dir / "sink");
       }},
      {"descriptor of a file",
       [](auto& dir, auto& use) {
         const Descriptor file(::open((dir / "sink").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
         use(Sink::fd(file.get()));
         return read_file(dir / "sink");
       }},
      {"ostream",
       [](auto&, auto& use) {
         std::ostringstream stream;
         use(Sink::to(stream));
         return from_text(stream.str());
       }},
      {"owned ostream",
       [](auto& dir, auto& use) {
         use(Sink::to(std::make_unique<std::ofstream>(dir / "sink", std::ios::binary)));
         return read_file(dir / "sink");
       }},
      {"pipe", [](auto&, auto& use) { return use_as_sink(make_pipe(), use); }},
      {"socket", [](auto&, auto& use) { return use_as_sink(make_socket(), use); }},
      {"FIFO",
       [](auto& dir, auto& use) {
         const std::filesystem::path fifo = make_fifo(dir, "sink.fifo");
         Bytes bytes;
         std::jthread reader([&] {
           const Descriptor end(::open(fifo.c_str(), O_RDONLY));
           bytes = read_all(end.get());
         });
         use(fifo);
         reader.join();
         return bytes;
       }},
      {"character device",
       [](auto&, auto& use) {
         Terminal terminal;
         Bytes bytes;
         std::jthread reader([&] { read_to_end(terminal.master.get(), bytes); });
         use(Sink::file(terminal.path));
         terminal.held.reset();  // hangs up
         reader.join();
         // Linux may call it the end if the last write comes between looking for one and asking.
         read_to_end(terminal.master.get(), bytes);
         return bytes;
       }},
      {"host's stream", [](auto&, auto& use) { return collected_by<Collector>(use); }},
      {"host's positional sink",
       [](auto&, auto& use) { return collected_by<PositionalCollector>(use, false); }},
      {"host's positional sink that may wait",
       [](auto&, auto& use) { return collected_by<PositionalCollector>(use, true); }},
  };
  return kinds;
}

void for_each_route(
    std::span<const std::size_t> sizes,
    const std::function<void(const SourceKind& from, const SinkKind& to, std::size_t bytes)>& go) {
  for (const SourceKind& from : source_kinds())
    for (const SinkKind& to : sink_kinds()) go(from, to, sizes.back());
  for (const std::size_t bytes : sizes.first(sizes.size() - 1)) {
    for (const SourceKind& from : source_kinds()) go(from, sink_kinds().front(), bytes);
    for (const SinkKind& to : sink_kinds()) go(source_kinds().front(), to, bytes);
  }
}

}  // namespace adapipe::testing
