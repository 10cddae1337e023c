#pragma once

#include <chrono>
#include <string>

#include "io/posix.hpp"

namespace adapipe::inline v0_1 {

/// Ends the waits of one thread from another. Once woken, it stays awake.
class Waker {
 public:
  /// `name` is the stream's, for messages. Throws Error(resource_exhausted) without a descriptor.
  explicit Waker(std::string name);

  /// From any thread, any number of times.
  void wake() noexcept;

  /// Returns when a poll of `descriptor` for `events` reports anything at all: the call that
  /// follows finds out about errors. Throws Error(cancelled) once woken.
  void wait(int descriptor, short events) const;

  /// Returns after `duration`. Throws Error(cancelled) once woken.
  void pause(std::chrono::milliseconds duration) const;

 private:
  std::string name_;
  Descriptor event_;
};

/// Makes a pipe hold 1 MiB if it holds less and the system allows it; else nothing happens.
void enlarge_pipe(int descriptor) noexcept;

}  // namespace adapipe::inline v0_1
