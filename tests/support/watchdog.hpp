#pragma once

#include <dirent.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace adapipe::testing {

/// Ends the process if a test takes longer than it ever should: a hang becomes a failure, with the
/// stack of every thread on stderr. Never a way to measure. While it lives, SIGSYS, which no thread
/// blocks, is its own.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::milliseconds limit = std::chrono::minutes(1));
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;

 private:
  struct Close {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
  };
  void bark() noexcept;

  std::unique_ptr<DIR, Close> threads_;  // opened before, for there may be no memory then
  std::mutex mutex_;
  std::condition_variable done_changed_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace adapipe::testing
