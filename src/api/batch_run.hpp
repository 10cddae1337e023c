#pragma once

#include <adapipe/batch.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace adapipe::inline v0_1 {

/// run_all(): begins items in order, as places become free, and collects what comes of them.
///
/// Invariants: at most max_running operations exist; each result is written once, by the thread
/// that runs the batch. That thread alone touches anything here but ended_, which outlives it.
class BatchRun {
 public:
  BatchRun(std::size_t items, const StartItem& start, BatchOptions options);
  /// Cancels and joins what runs.
  ~BatchRun() { stop(); }
  BatchRun(const BatchRun&) = delete;

  std::vector<BatchResult> run() &&;

  /// For an item that runs while it is started: how far it is. Calls on_progress now and then.
  void show_started(const Progress& progress);

 private:
  using Clock = std::chrono::steady_clock;

  /// Which items have ended: told by their operations, and looked at by the batch.
  class Ended {
   public:
    explicit Ended(std::size_t items) { items_.reserve(items); }
    void put(std::size_t item) noexcept;
    /// The next wait() does not wait.
    void wake() noexcept;
    /// Waits for an item that has ended, until `time` if there is one. Those that have are in
    /// `items` then, which needs room for all.
    void wait(std::optional<Clock::time_point> time, std::vector<std::size_t>& items) noexcept;

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::size_t> items_;
    bool is_woken_ = false;
  };

  void begin(std::size_t item);
  /// Keeps the operation in running_, or returns it if it has ended.
  std::optional<Operation> start(std::size_t item);
  void collect();
  void end(std::size_t item, const Operation& operation);
  /// Its result is there.
  void end(std::size_t item);
  void stop() noexcept;
  void show_if_due();
  void show();

  const StartItem& start_;
  const BatchOptions options_;
  const Clock::time_point begun_ = Clock::now();
  std::vector<BatchResult> results_;
  const std::shared_ptr<Ended> ended_;
  std::map<std::size_t, Operation> running_;
  std::size_t next_ = 0;  // the first one not begun
  bool is_stopped_ = false;
  std::vector<std::size_t> collected_;
  BatchProgress done_;  // of the items that have ended
  Progress started_;    // of the item that is being started
  Clock::time_point show_at_;
  std::exception_ptr thrown_;  // by on_progress, through the item that is being started
};

}  // namespace adapipe::inline v0_1
