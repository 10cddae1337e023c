#include "io/fd_source.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace adapipe::inline v0_1 {

FdSource::FdSource(Descriptor descriptor, const struct stat& status, std::string name)
    : name_(std::move(name)),
      descriptor_(std::move(descriptor)),
      is_socket_(S_ISSOCK(status.st_mode)),
      id_(file_id_of(status)),
      waker_(name_) {
  if (S_ISFIFO(status.st_mode)) enlarge_pipe(descriptor_.get());
}

std::size_t FdSource::read(std::span<std::byte> to) {
  for (;;) {
    waker_.wait(descriptor_.get(), POLLIN);
    const ssize_t got = is_socket_ ? ::recv(descriptor_.get(), to.data(), to.size(), MSG_DONTWAIT)
                                   : ::read(descriptor_.get(), to.data(), to.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR && errno != EAGAIN) throw os_error("cannot read", errno, name_);
  }
}

}  // namespace adapipe::inline v0_1
