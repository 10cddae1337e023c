#include "io/fd_sink.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <limits>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

constexpr std::chrono::milliseconds kReaderPause{10};

/// write(), but a broken pipe is only EPIPE: its SIGPIPE, which goes to this thread, is taken away
/// unless one was pending before.
ssize_t write_without_signal(int descriptor, std::span<const std::byte> bytes) {
  sigset_t sigpipe;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
  const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
  const int error_number = errno;
  if (put < 0 && error_number == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec no_wait{};
    while (sigtimedwait(&sigpipe, nullptr, &no_wait) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error_number;
  return put;
}

/// A second, non-blocking way into a pipe or terminal; O_NONBLOCK of the borrowed descriptor is
/// shared with other processes. Empty if the system has none.
Descriptor reopen_nonblocking(int descriptor) {
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  return open_descriptor(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
}

}  // namespace

FdSink::FdSink(Descriptor descriptor, std::string name)
    : name_(std::move(name)), waker_(name_), descriptor_(std::move(descriptor)) {
  prepare();
}

FdSink::FdSink(std::string name) : name_(std::move(name)), waker_(name_) {}

void FdSink::prepare() {
  const struct stat status = status_of(descriptor_.get(), name_);
  const bool is_pipe = S_ISFIFO(status.st_mode);
  is_socket_ = S_ISSOCK(status.st_mode);
  step_bytes_ = std::numeric_limits<std::size_t>::max();
  if (is_pipe) enlarge_pipe(descriptor_.get());
  if (!is_pipe && ::isatty(descriptor_.get()) == 0) return;
  if ((::fcntl(descriptor_.get(), F_GETFL) & O_NONBLOCK) != 0) return;
  if (Descriptor second = reopen_nonblocking(descriptor_.get()))
    descriptor_ = std::move(second);
  else
    step_bytes_ = PIPE_BUF;
}

void FdSink::open_fifo() {
  // Nothing tells when a reader waits, so that is asked again and again.
  while (!(descriptor_ = open_descriptor(name_, O_WRONLY | O_NONBLOCK))) {
    if (errno != ENXIO) throw os_error("cannot open", errno, name_);
    waker_.pause(kReaderPause);
  }
  prepare();
}

void FdSink::await_reader() {
  if (!descriptor_) open_fifo();
}

void FdSink::write(std::span<const std::byte> bytes) {
  await_reader();
  while (!bytes.empty()) {
    waker_.wait(descriptor_.get(), POLLOUT);
    bytes = bytes.subspan(write_some(bytes.first(std::min(bytes.size(), step_bytes_))));
  }
}

std::size_t FdSink::write_some(std::span<const std::byte> bytes) {
  const ssize_t put = is_socket_ ? ::send(descriptor_.get(), bytes.data(), bytes.size(),
                                          MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : write_without_signal(descriptor_.get(), bytes);
  if (put >= 0) return static_cast<std::size_t>(put);
  if (errno != EINTR && errno != EAGAIN) throw os_error("cannot write", errno, name_);
  return 0;
}

void FdSink::commit() {
  await_reader();
  if (const int error_number = descriptor_.close(); error_number != 0)
    throw os_error("cannot close", error_number, name_);
}

void FdSink::sync() {
  if (descriptor_) sync_to_disk(descriptor_.get(), "cannot write it to the disk", name_);
}

void await_reader(SinkImpl& sink) {
  if (auto* const written_in_place = dynamic_cast<FdSink*>(&sink)) written_in_place->await_reader();
}

std::unique_ptr<SinkImpl> open_descriptor_sink(int descriptor, const std::string& name,
                                               const SinkHints& hints) {
  refuse_input_as_output(status_of(descriptor, name), hints, name);
  return std::make_unique<FdSink>(Descriptor::borrowed(descriptor), name);
}

void refuse_input_as_output(const struct stat& output, const SinkHints& hints,
                            const std::string& name) {
  if (hints.input && hints.input == file_id_of(output))
    throw Error(errc::invalid_argument, "input and output are the same file").in_file(name);
}

}  // namespace adapipe::inline v0_1
