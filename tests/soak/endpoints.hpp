#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <atomic>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "soak/plan.hpp"
#include "support/bytes.hpp"

namespace adapipe::testing {

struct PlannedFault : std::runtime_error {
  PlannedFault() : std::runtime_error("planned fault") {}
};

/// Fails at one place, the planned call of it, and only then. Thread-safe.
class Fault {
 public:
  Fault(FaultPlace place, std::size_t at) : place_(place), at_(at) {}
  void pass(FaultPlace place) {
    if (place != place_ || calls_++ != at_) return;
    fired_ = true;
    throw PlannedFault();
  }
  bool fired() const noexcept { return fired_; }

 private:
  const FaultPlace place_;
  const std::size_t at_;
  std::atomic<std::size_t> calls_{0};
  std::atomic<bool> fired_{false};
};

void wait_until_stopped(const std::stop_token& stop);

class Pipe {
 public:
  Pipe();
  ~Pipe();
  Pipe(const Pipe&) = delete;
  int read_end() const noexcept { return ends_[0]; }
  int write_end() const noexcept { return ends_[1]; }
  void close_read() noexcept { close(ends_[0]); }
  void close_write() noexcept { close(ends_[1]); }

 private:
  static void close(int& end) noexcept;
  int ends_[2]{-1, -1};
};

/// The planned kind of source over `bytes`, both of which must outlive the operation.
class TrialSource {
 public:
  TrialSource(const Plan& plan, const Bytes& bytes, const std::filesystem::path& dir, Fault& fault);
  ~TrialSource();
  TrialSource(const TrialSource&) = delete;
  Source get();

 private:
  Source plain();

  const Plan& plan_;
  const Bytes& bytes_;
  const std::filesystem::path path_;
  Fault& fault_;
  std::istringstream stream_;
  std::unique_ptr<Pipe> pipe_;
  std::jthread feeder_;
};

/// What became of a sink.
struct SinkHistory {
  std::atomic<int> opened{0};
  std::atomic<int> commits{0};  ///< that did not throw
  std::atomic<int> failed_commits{0};
  std::atomic<int> abandons{0};
  /// Calls after the last one, or by two threads at once where one is allowed.
  std::atomic<int> wrong_calls{0};
};

/// The planned kind of sink. It must outlive the operation.
class TrialSink {
 public:
  TrialSink(const Plan& plan, const std::filesystem::path& dir, Fault& fault);
  ~TrialSink();
  TrialSink(const TrialSink&) = delete;
  Sink get();

  const SinkHistory& history() const noexcept { return history_; }
  /// What has arrived, after the end of the operation.
  Bytes content();
  /// Whether anything but the source and the destination is in the folder.
  bool has_left_files() const;
  /// Whether the destination is as it was before, if it promises that; else true.
  bool is_undone();

 private:
  Sink plain();

  const Plan& plan_;
  const std::filesystem::path path_;
  Fault& fault_;
  SinkHistory history_;
  Bytes bytes_;
  std::ostringstream stream_;
  std::unique_ptr<Pipe> pipe_;
  std::jthread drainer_;
};

}  // namespace adapipe::testing
