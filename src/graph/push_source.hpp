#pragma once

#include <adapipe/rate_limit.hpp>
#include <adapipe/source.hpp>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "graph/continuation_runner.hpp"
#include "graph/worker_condition.hpp"
#include "io/executor.hpp"
#include "io/token_bucket.hpp"

namespace adapipe::inline v0_1 {

/// Between a Writer, which puts bytes in, and the operation that reads them as its source. Nothing
/// is kept here: bytes go from the writer's memory into the buffer that a read() waits with, so the
/// writer is held up when the operation has no free buffer.
///
/// Invariants: one read() makes one chunk: it returns when its buffer is full, or after end_chunk()
/// and end() with what there is. Once closed, no function waits. One thread at a time writes, one
/// reads; cancel() may come from any.
class PushChannel {
 public:
  /// `workers`: who must not just wait in write(); may be nullptr.
  PushChannel(std::shared_ptr<ContinuationRunner> continuations, WorkerArena* workers)
      : continuations_(std::move(continuations)), workers_(workers) {}

  /// Waits until all of `bytes` have been taken; false if the operation takes no more.
  bool write(std::span<const std::byte> bytes);
  /// Takes what there is room for at once; how many bytes that was.
  std::size_t try_write(std::span<const std::byte> bytes);
  /// Takes `bytes` by and by; `taken` runs after that, or when the operation takes no more. Throws
  /// Error(resource_exhausted).
  void start_write(std::span<const std::byte> bytes, std::function<void()> taken);
  /// Whether a start_write() has not come to its end.
  bool is_writing() const;
  /// The next read() gives `bytes`, which fit into its buffer and stay until then: for who writes
  /// and reads on one thread.
  void put_chunk(std::span<const std::byte> bytes);
  /// Bytes written from now on begin a new chunk.
  void end_chunk();
  /// Nothing more will be written.
  void end();
  /// Runs `action` within the operation, in a read(), and waits; what it throws fails the
  /// operation. false if the operation takes no more.
  bool run_inside(const std::function<void()>& action);

  /// 0 at the end. Throws Error(cancelled) once cancelled.
  std::size_t read(std::span<std::byte> to);
  /// Takes no more.
  void close() noexcept;

 private:
  std::size_t take(std::span<const std::byte> bytes);
  void take_pending(std::unique_lock<std::mutex>& lock);
  void run_action(std::unique_lock<std::mutex>& lock);
  std::size_t leave_chunk() noexcept;

  const std::shared_ptr<ContinuationRunner> continuations_;
  WorkerArena* const workers_;
  mutable std::mutex mutex_;
  WorkerCondition writable_;
  std::condition_variable readable_;
  std::span<std::byte> room_;           // of the read() that waits
  std::size_t filled_bytes_ = 0;        // of its buffer
  std::span<const std::byte> pending_;  // of start_write()
  Continuations when_taken_;
  const std::function<void()>* action_ = nullptr;
  bool acting_ = false;  // action_ runs, unlocked
  bool chunk_ended_ = false;
  bool ended_ = false;
  bool closed_ = false;
};

/// The channel's end in an operation. Its read() keeps a thread of `io`, if there is one, for as
/// long as the writer likes, so it brings one along. With a limit, a chunk is held until it is paid
/// for; the writer waits for room meanwhile.
class PushSource final : public SourceImpl {
 public:
  PushSource(std::shared_ptr<PushChannel> channel, IoExecutor* io,
             const std::optional<RateLimit>& limit)
      : channel_(std::move(channel)), io_(io) {
    if (limit) bucket_.emplace(limit->bucket());
    if (io_) io_->allow_one_more();
  }
  /// Nobody will read: the writer need not wait.
  ~PushSource() override {
    channel_->close();
    if (io_) io_->allow_one_less();
  }

  std::size_t read(std::span<std::byte> to) override {
    const std::size_t bytes = channel_->read(to);
    if (bucket_) bucket_->take_all(bytes);
    return bytes;
  }
  void cancel() noexcept override {
    if (bucket_) bucket_->cancel();
    channel_->close();
  }
  std::string name() const override { return "written data"; }

 private:
  std::shared_ptr<PushChannel> channel_;
  IoExecutor* const io_;
  std::optional<BucketUser> bucket_;
};

}  // namespace adapipe::inline v0_1
