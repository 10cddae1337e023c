#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "util/thread.hpp"

namespace adapipe::inline v0_1 {

/// What is to run when an operation has ended; none may throw. A list, so that what was kept can be
/// handed on without taking memory.
using Continuations = std::list<std::function<void()>>;

/// Runs continuations one after the other: through the host's `post` if there is one and it does
/// not throw, else on a thread of its own, made at the first use. Shared by a runtime and its
/// operations, since the last act of an operation may come when the runtime has ended. Thread-safe.
class ContinuationRunner : public std::enable_shared_from_this<ContinuationRunner> {
 public:
  using Post = std::function<void(std::function<void()>)>;

  ContinuationRunner(Post post, ThreadOptions options);

  /// One that can be given to run(), which has a thread from now on. What it holds is let go where
  /// it has run: that may be the last handle to what calls run(). Throws Error(resource_exhausted).
  Continuations prepare(std::function<void()> continuation);
  /// What prepare() made. Whatever comes after close(), or has no thread, runs in place.
  void run(Continuations continuations) noexcept;
  /// Waits until everything that was given to run() has run, and ends the thread; called by a
  /// continuation, it leaves that to the thread.
  void close() noexcept;

 private:
  bool posted(const std::function<void()>& continuation) noexcept;
  /// false: there is no thread that takes any.
  bool queue(Continuations& continuations) noexcept;
  /// Sees to it that there is a thread, unless closed; with the lock held.
  void make_thread();
  void run_all();

  const Post post_;
  const ThreadOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Continuations waiting_;
  bool closed_ = false;
  OwnThread thread_;
};

}  // namespace adapipe::inline v0_1
