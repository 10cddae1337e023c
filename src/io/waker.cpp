#include "io/waker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <span>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

constexpr int kPipeBytes = 1 << 20;

void poll_once(std::span<pollfd> descriptors, int timeout_ms, const std::string& name) {
  if (::poll(descriptors.data(), descriptors.size(), timeout_ms) < 0 && errno != EINTR &&
      errno != EAGAIN)
    throw os_error("cannot wait", errno, name);
  if (descriptors.front().revents != 0)
    throw Error(errc::cancelled, "cancelled by the caller").in_file(name);
}

}  // namespace

Waker::Waker(std::string name)
    : name_(std::move(name)), event_(Descriptor::owned(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {
  if (!event_) throw os_error("cannot prepare for waiting", errno, name_);
}

void Waker::wake() noexcept { ::eventfd_write(event_.get(), 1); }

void Waker::wait(int descriptor, short events) const {
  pollfd polled[] = {{event_.get(), POLLIN, 0}, {descriptor, events, 0}};
  while (polled[1].revents == 0) poll_once(polled, -1, name_);
}

void Waker::pause(std::chrono::milliseconds duration) const {
  pollfd polled[] = {{event_.get(), POLLIN, 0}};
  poll_once(polled, static_cast<int>(duration.count()), name_);
}

void enlarge_pipe(int descriptor) noexcept {
  const int bytes = ::fcntl(descriptor, F_GETPIPE_SZ);
  if (bytes >= 0 && bytes < kPipeBytes) ::fcntl(descriptor, F_SETPIPE_SZ, kPipeBytes);
}

}  // namespace adapipe::inline v0_1
