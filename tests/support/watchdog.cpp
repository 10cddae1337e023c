#include "support/watchdog.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace adapipe::testing {
namespace {

std::atomic<bool> has_answered{false};

void write_stack(int) {
  std::array<void*, 64> frames;
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
  has_answered = true;
}

/// Asks a thread for its stack and waits until it has answered, or evidently cannot.
void write_stack_of(int thread) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "/proc/self/task/%d/comm", thread);
  const int comm = ::open(text.data(), O_RDONLY | O_CLOEXEC);
  text = {};
  if (comm < 0 || ::read(comm, text.data(), text.size() - 1) < 0) return;
  ::close(comm);
  ::dprintf(STDERR_FILENO, "\nthread %d %s", thread, text.data());
  has_answered = false;
  ::syscall(SYS_tgkill, ::getpid(), thread, SIGSYS);
  for (int waits = 0; !has_answered && waits < 1000; ++waits) ::usleep(1000);
}

}  // namespace

Watchdog::Watchdog(std::chrono::milliseconds limit) : threads_(::opendir("/proc/self/task")) {
  void* frame = nullptr;
  ::backtrace(&frame, 1);  // loads what it needs, which takes memory
  struct sigaction action {};
  action.sa_handler = write_stack;
  ::sigaction(SIGSYS, &action, nullptr);
  thread_ = std::thread([this, limit] {
    std::unique_lock lock(mutex_);
    if (!done_changed_.wait_for(lock, limit, [this] { return done_; })) bark();
  });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  done_changed_.notify_all();
  thread_.join();
}

void Watchdog::bark() noexcept {
  ::dprintf(STDERR_FILENO, "watchdog: the test hangs\n");
  ::rewinddir(threads_.get());
  while (const dirent* const entry = ::readdir(threads_.get()))
    if (const int thread = std::atoi(entry->d_name); thread > 0) write_stack_of(thread);
  std::abort();
}

}  // namespace adapipe::testing
