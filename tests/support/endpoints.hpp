#pragma once

#include <adapipe/error.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "support/bytes.hpp"

namespace adapipe::testing {

/// Called with the number of the call (from 0) before every read or write; may throw or block.
using BeforeCall = std::function<void(std::size_t call)>;

/// A stream over bytes, with something happening before each read.
class HookedStream final : public SourceImpl {
 public:
  HookedStream(const Bytes& bytes, BeforeCall before, std::function<void()> on_cancel = {})
      : bytes_(bytes), before_(std::move(before)), on_cancel_(std::move(on_cancel)) {}
  std::size_t read(std::span<std::byte> to) override {
    if (before_) before_(calls_++);
    const std::size_t bytes = std::min(to.size(), bytes_.size() - position_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(position_), bytes, to.begin());
    position_ += bytes;
    return bytes;
  }
  void cancel() noexcept override {
    if (on_cancel_) on_cancel_();
  }
  std::string name() const override { return "hooked stream"; }

 private:
  const Bytes& bytes_;
  BeforeCall before_;
  std::function<void()> on_cancel_;
  std::size_t calls_ = 0;
  std::size_t position_ = 0;
};

/// A positional source over bytes, with something happening before each read. Unless `waits`, it
/// is read in place by the workers; else by I/O threads.
class HookedSource final : public PositionalSourceImpl {
 public:
  HookedSource(const Bytes& bytes, bool waits, BeforeCall before,
               std::function<void()> on_cancel = {})
      : bytes_(bytes),
        waits_(waits),
        before_(std::move(before)),
        on_cancel_(std::move(on_cancel)) {}
  std::uint64_t total_bytes() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    if (before_) before_(calls_++);
    const std::size_t bytes = std::min<std::uint64_t>(to.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), bytes, to.begin());
    return bytes;
  }
  void cancel() noexcept override {
    if (on_cancel_) on_cancel_();
  }
  bool may_wait() const noexcept override { return waits_; }
  std::string name() const override { return "hooked source"; }

 private:
  const Bytes& bytes_;
  const bool waits_;
  BeforeCall before_;
  std::function<void()> on_cancel_;
  std::atomic<std::size_t> calls_{0};
};

/// Holds only `there` of the bytes that it says it has, as a file does that somebody cuts off.
class CutSource final : public PositionalSourceImpl {
 public:
  CutSource(const Bytes& bytes, const std::size_t& there) : bytes_(bytes), there_(there) {}
  std::uint64_t total_bytes() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    const std::size_t from = std::min<std::uint64_t>(offset, there_);
    const std::size_t bytes = std::min(to.size(), there_ - from);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(from), bytes, to.begin());
    return bytes;
  }

 private:
  const Bytes& bytes_;
  const std::size_t& there_;
};

/// What became of a sink.
struct SinkFate {
  std::atomic<int> committed{0};
  std::atomic<int> abandoned{0};
};

class HookedStreamSink final : public SinkImpl {
 public:
  HookedStreamSink(SinkFate& fate, BeforeCall before, std::function<void()> on_cancel = {})
      : fate_(fate), before_(std::move(before)), on_cancel_(std::move(on_cancel)) {}
  void write(std::span<const std::byte>) override {
    if (before_) before_(calls_++);
  }
  void commit() override { ++fate_.committed; }
  void abandon() noexcept override { ++fate_.abandoned; }
  void cancel() noexcept override {
    if (on_cancel_) on_cancel_();
  }

 private:
  SinkFate& fate_;
  BeforeCall before_;
  std::function<void()> on_cancel_;
  std::size_t calls_ = 0;
};

class HookedSink final : public PositionalSinkImpl {
 public:
  HookedSink(SinkFate& fate, BeforeCall before, std::function<void()> on_cancel = {},
             BeforeCall before_commit = {})
      : fate_(fate),
        before_(std::move(before)),
        on_cancel_(std::move(on_cancel)),
        before_commit_(std::move(before_commit)) {}
  void write_at(std::uint64_t, std::span<const std::byte>) override {
    if (before_) before_(calls_++);
  }
  void commit() override {
    if (before_commit_) before_commit_(0);
    ++fate_.committed;
  }
  void abandon() noexcept override { ++fate_.abandoned; }
  void cancel() noexcept override {
    if (on_cancel_) on_cancel_();
  }

 private:
  SinkFate& fate_;
  BeforeCall before_;
  std::function<void()> on_cancel_;
  BeforeCall before_commit_;
  std::atomic<std::size_t> calls_{0};
};

/// A door that threads wait at, until it is opened for good. Whoever waits for someone to wait goes
/// on then, too.
class Door {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() noexcept {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void until_someone_waits() { until_waiting(1); }
  void until_waiting(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, count] { return waiting_ >= count || open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

}  // namespace adapipe::testing
