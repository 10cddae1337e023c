#include "util/thread.hpp"

#include <pthread.h>

#include <csignal>

namespace adapipe::inline v0_1 {

void enter_own_thread(const std::string& name) noexcept {
  constexpr std::size_t kNameBytes = 15;
  char short_name[kNameBytes + 1] = {};
  name.copy(short_name, kNameBytes);
  pthread_setname_np(pthread_self(), short_name);
  sigset_t all;
  sigfillset(&all);
  // Faults are raised on the thread that causes them and must not be blocked.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace adapipe::inline v0_1
