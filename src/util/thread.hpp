#pragma once

#include <pthread.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adapipe::inline v0_1 {

/// How the threads of one owner are made.
struct ThreadOptions {
  std::string name;              ///< of the owner; each thread adds its role
  std::size_t stack_bytes = 0;   ///< 0: the system's default
  std::vector<unsigned> cpus{};  ///< that they keep to; empty: any
};

/// As std::thread, which takes neither a stack size nor CPUs. All signals are blocked in it, so
/// that the host's handlers run on the host's threads.
class OwnThread {
 public:
  OwnThread() noexcept = default;
  /// Calls `body`, which must not throw, on a new thread. The system shows 15 bytes of a name: the
  /// role, at the end, is kept whole. Throws std::system_error, std::bad_alloc.
  OwnThread(const ThreadOptions& options, std::string_view role, std::function<void()> body);
  OwnThread(OwnThread&& other) noexcept;
  OwnThread& operator=(OwnThread&& other) noexcept;  ///< not over a thread
  /// It must have been joined or detached.
  ~OwnThread();

  bool joinable() const noexcept { return handle_.has_value(); }
  bool is_this_thread() const noexcept;
  /// What it has taken so far; 0 if there is none.
  std::chrono::nanoseconds cpu_time() const noexcept;
  void join() noexcept;
  void detach() noexcept;

 private:
  std::optional<pthread_t> handle_;
};

/// The calling thread's, as the system shows it.
std::string this_threads_name();

}  // namespace adapipe::inline v0_1
