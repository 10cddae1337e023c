#include "signals.hpp"

#include <pthread.h>

#include <cstdlib>
#include <string>
#include <system_error>

#include "exit_code.hpp"

namespace tool {
namespace {

// Each side notes its own before it asks for the other's, so that a signal that comes just as there
// is nothing to clean up is seen by one of them at least.
std::atomic<bool> nothing_to_clean_up = false;
std::atomic<int> first_signal = 0;

}  // namespace

SignalWatch::SignalWatch() {
  // A parent that ignores SIGPIPE would make us complain about a reader that has left.
  std::signal(SIGPIPE, SIG_DFL);
  // A limit on the size of files is an error like a full disk, after which there is to clean up.
  std::signal(SIGXFSZ, SIG_IGN);
  sigemptyset(&watched_);
  sigaddset(&watched_, SIGINT);
  sigaddset(&watched_, SIGTERM);
  struct sigaction hangup {};
  sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) sigaddset(&watched_, SIGHUP);  // nohup asks for that
  pthread_sigmask(SIG_BLOCK, &watched_, &mask_before_);
  try {
    thread_ = std::thread([this] { wait_for_signals(); });
  } catch (const std::system_error& error) {
    throw Failure(ExitCode::resources, std::string("cannot start a thread: ") + error.what());
  }
}

SignalWatch::~SignalWatch() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

int SignalWatch::caught() const noexcept { return first_signal; }

void SignalWatch::wait_for_signals() {
  for (;;) {
    int signal = 0;
    if (sigwait(&watched_, &signal) != 0) continue;
    if (ending_) return;
    // Only the first one counts: timeout(1) and terminals often send two, and the second must not
    // cut the clean-up short.
    int none = 0;
    const bool is_first = first_signal.compare_exchange_strong(none, signal);
    if (nothing_to_clean_up) die_of(signal);
    if (is_first) stop_.request_stop();
  }
}

NothingToCleanUp::NothingToCleanUp() noexcept {
  nothing_to_clean_up = true;
  if (const int signal = first_signal; signal != 0) die_of(signal);
}
NothingToCleanUp::~NothingToCleanUp() { nothing_to_clean_up = false; }

void die_of(int signal) noexcept {
  std::signal(signal, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  std::raise(signal);
  std::_Exit(128 + signal);
}

}  // namespace tool
