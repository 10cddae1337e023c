#include "util/thread.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

#include "support/catch.hpp"
#include "support/watchdog.hpp"

namespace adapipe {
namespace {

std::atomic<pid_t> the_hosts_thread = 0;
std::atomic<int> handled_by_the_host = 0;
std::atomic<int> handled_by_others = 0;

void handle(int) { ++(::gettid() == the_hosts_thread ? handled_by_the_host : handled_by_others); }

/// As long as it lives, the calling thread and those that it makes handle no signal.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

TEST_CASE("signals find the threads of the host only, also while another one begins") {
  const SignalsBlocked blocked;  // but in one thread
  const testing::Watchdog watchdog;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = handle;
  ::sigaction(SIGUSR1, &action, &before);
  {
    std::jthread sends([](const std::stop_token& stop) {
      while (!stop.stop_requested()) ::kill(::getpid(), SIGUSR1);
    });
    std::thread host([] {
      the_hosts_thread = ::gettid();
      sigset_t signal;
      ::sigemptyset(&signal);
      ::sigaddset(&signal, SIGUSR1);
      ::pthread_sigmask(SIG_UNBLOCK, &signal, nullptr);
      for (int i = 0; i < 300; ++i) {
        OwnThread thread({.name = "test"}, "-own", [] {});
        thread.join();
      }
    });
    host.join();
  }
  action.sa_handler = SIG_IGN;  // which drops those that are still pending
  ::sigaction(SIGUSR1, &action, nullptr);
  ::sigaction(SIGUSR1, &before, nullptr);
  CHECK(handled_by_the_host > 0);
  CHECK(handled_by_others == 0);
}

}  // namespace
}  // namespace adapipe
