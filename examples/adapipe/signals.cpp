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

std::stop_source& all_work() {
  static std::stop_source stop;
  return stop;
}

/// Only the first one counts: timeout(1) and terminals often send two, and the second must not cut
/// the clean-up short.
bool is_first(int signal) noexcept {
  int none = 0;
  return first_signal.compare_exchange_strong(none, signal);
}

}  // namespace

SignalWatch::SignalWatch() {
  all_work();  // made while an exception can be told
  std::signal(SIGPIPE, SIG_IGN);
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

std::stop_token SignalWatch::token() const { return all_work().get_token(); }

int SignalWatch::caught() const noexcept { return first_signal; }

void SignalWatch::wait_for_signals() {
  for (;;) {
    int signal = 0;
    if (sigwait(&watched_, &signal) != 0) continue;
    if (ending_) return;
    const bool counts = is_first(signal);
    if (nothing_to_clean_up) die_of(signal);
    if (counts) all_work().request_stop();
  }
}

NothingToCleanUp::NothingToCleanUp() noexcept {
  nothing_to_clean_up = true;
  if (const int signal = first_signal; signal != 0) die_of(signal);
}
NothingToCleanUp::~NothingToCleanUp() { nothing_to_clean_up = false; }

void stop_for(int signal) noexcept {
  if (is_first(signal)) all_work().request_stop();
}

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
