#include "terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <adapipe/error.hpp>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

#include "exit_code.hpp"

namespace tool {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

int open_terminal() { return ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY); }

std::string system_message() { return std::generic_category().message(errno); }

class EchoOff {
 public:
  explicit EchoOff(int terminal) noexcept : terminal_(terminal) {
    is_terminal_ = ::tcgetattr(terminal, &before_) == 0;
    silence();
  }
  ~EchoOff() {
    if (is_terminal_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  EchoOff(const EchoOff&) = delete;
  bool ok() const noexcept { return is_silent_; }

  /// Also to be called when the shell may have had the terminal meanwhile. Drops what was typed.
  void silence() noexcept {
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
    is_silent_ = is_terminal_ && ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }

 private:
  int terminal_;
  termios before_{};
  bool is_terminal_ = false;
  bool is_silent_ = false;
};

std::atomic<int> resumed_event = -1;

void note_resumed(int) {
  const int error_number = errno;
  ::eventfd_write(resumed_event, 1);
  errno = error_number;
}

/// Makes `event` readable whenever the process goes on after Ctrl-Z, which gives the terminal to a
/// shell, and that shows what is typed.
class ResumeWatch {
 public:
  explicit ResumeWatch(int event) noexcept {
    resumed_event = event;
    struct sigaction note {};
    note.sa_handler = note_resumed;
    note.sa_flags = SA_RESTART;
    ::sigaction(SIGCONT, &note, &before_);
  }
  ~ResumeWatch() {
    ::sigaction(SIGCONT, &before_, nullptr);
    resumed_event = -1;
  }
  ResumeWatch(const ResumeWatch&) = delete;

 private:
  struct sigaction before_ {};
};

int make_event() {
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0)
    throw Failure(ExitCode::resources, "cannot make a descriptor: " + system_message());
  return event;
}

void write_text(int terminal, std::string_view text) {
  if (::write(terminal, text.data(), text.size()) < 0)
    throw Failure(ExitCode::io, "terminal: cannot write: " + system_message());
}

/// Takes what `fd` gives up to a newline; true when that, or the end, has come.
bool take_line(int fd, const std::string& name, Secret& secret) {
  char c = 0;
  const ssize_t count = ::read(fd, &c, 1);
  if (count < 0 && errno == EINTR) return false;
  if (count < 0) {
    const bool unreadable = errno == EISDIR;
    throw Failure(unreadable ? ExitCode::no_input : ExitCode::io,
                  name + ": cannot read the passphrase: " + system_message());
  }
  const bool end = count == 0 || c == '\n';
  if (!end && !secret.append(c))
    throw Failure(ExitCode::usage, name + ": the passphrase is longer than " +
                                       std::to_string(Secret::kMaxBytes) + " bytes");
  return end;
}

}  // namespace

Secret::~Secret() { clear(); }

void Secret::clear() noexcept {
  ::explicit_bzero(text_.data(), text_.size());
  size_ = 0;
}

bool Secret::append(char c) noexcept {
  if (size_ == text_.size()) return false;
  text_[size_++] = c;
  return true;
}

void read_secret_file(const std::string& file, Secret& secret) {
  const Descriptor input(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (input.get() < 0)
    throw Failure(ExitCode::no_input, file + ": cannot open: " + system_message());
  while (!take_line(input.get(), file, secret)) {
  }
  if (secret.text().empty())
    throw Failure(ExitCode::usage, file + ": the first line, the passphrase, is empty");
}

void ask_secret(const std::string& prompt, const std::stop_token& stop, Secret& secret) {
  const Descriptor terminal(open_terminal());
  if (terminal.get() < 0)
    throw Failure(ExitCode::usage,
                  "no terminal to ask for the passphrase on; use --passphrase-file");
  const Descriptor stopped(make_event());
  const Descriptor resumed(make_event());
  const std::stop_callback wake(stop, [&] { ::eventfd_write(stopped.get(), 1); });

  const ResumeWatch watch(resumed.get());
  EchoOff echo(terminal.get());
  const auto check_silence = [&] {
    if (!echo.ok())
      throw Failure(ExitCode::io, "terminal: cannot hide what is typed: " + system_message());
  };
  check_silence();
  write_text(terminal.get(), prompt);
  for (bool done = false; !done;) {
    pollfd waiting[] = {
        {terminal.get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}, {resumed.get(), POLLIN, 0}};
    if (::poll(waiting, 3, -1) < 0) continue;
    if (waiting[1].revents != 0) {
      write_text(terminal.get(), "\n");
      throw adapipe::Error(adapipe::errc::cancelled, "cancelled while asking for the passphrase");
    }
    if (eventfd_t times = 0; waiting[2].revents != 0) {
      ::eventfd_read(resumed.get(), &times);
      echo.silence();
      secret.clear();
      check_silence();
      write_text(terminal.get(), prompt);
      continue;
    }
    done = take_line(terminal.get(), "terminal", secret);
  }
  write_text(terminal.get(), "\n");
  if (secret.text().empty()) throw Failure(ExitCode::usage, "no passphrase was entered");
}

bool has_terminal() { return Descriptor(open_terminal()).get() >= 0; }

}  // namespace tool
