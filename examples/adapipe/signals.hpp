#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace tool {

/// Turns SIGINT, SIGTERM and SIGHUP into a stop request, so that whatever runs can clean up.
/// SIGPIPE would end the process before that: it is ignored, and who finds that a pipe has no
/// reader any more calls stop_for(). Must be made before any other thread, which would otherwise
/// take the signals itself.
class SignalWatch {
 public:
  /// Throws Failure if there is no thread to be had.
  SignalWatch();
  /// Gives the signals back; one that arrives from here on kills at once.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;

  std::stop_token token() const;
  /// The first signal that arrived, or that stop_for() was told; 0 if none did.
  int caught() const noexcept;

 private:
  void wait_for_signals();

  sigset_t watched_{};
  sigset_t mask_before_{};
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

/// While one of these lives there is nothing to clean up, and what runs may block where no stop
/// request reaches it (reading a key from a FIFO, say): a signal, also one that came before, then
/// ends the process at once.
class NothingToCleanUp {
 public:
  NothingToCleanUp() noexcept;
  ~NothingToCleanUp();
  NothingToCleanUp(const NothingToCleanUp&) = delete;
};

/// As if `signal` had come from outside: what runs is stopped and cleans up, and the process then
/// ends by it.
void stop_for(int signal) noexcept;

/// Ends the process by `signal`'s default action, so that the parent sees what happened.
[[noreturn]] void die_of(int signal) noexcept;

}  // namespace tool
