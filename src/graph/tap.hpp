#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/stage.hpp>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

namespace adapipe::inline v0_1 {

/// What one tap makes of one operation. Destroyed when the operation ends, however it does.
class TapRun {
 public:
  virtual ~TapRun() = default;
  /// May throw, as the others. Thread-safe, unless the tap asks for order.
  virtual void see(const ChunkInfo& chunk, std::span<const std::byte> data) = 0;
  /// All chunks have been seen.
  virtual void finish() {}
  /// Nothing can fail any more but this and the commit of the operation's sink, which follows.
  virtual void commit() {}
  virtual std::optional<std::array<std::byte, 32>> digest() const noexcept { return std::nullopt; }
};

/// A stage that only looks. What stands in a pipeline describes it; begin() gives what an operation
/// runs in its place.
class Tap final : public Stage {
 public:
  struct Traits {
    std::string name;
    bool in_order = false;
    bool may_wait = false;  ///< it is run where waiting is allowed; implies in_order
  };
  /// What the sink of a tap is told; stops when the operation fails or is cancelled.
  using Begin = std::function<std::unique_ptr<TapRun>(const SinkHints&, const std::stop_token&)>;

  Tap(Traits traits, Begin begin);

  std::shared_ptr<const Tap> begin(const SinkHints& hints, const std::stop_token& stop) const;
  /// Of one that begin() gave.
  TapRun& run() const noexcept { return *run_; }

  bool may_wait() const noexcept { return traits_.may_wait; }
  StageInfo info() const override { return {.id = traits_.name}; }
  bool in_order() const override { return traits_.in_order || traits_.may_wait; }
  std::unique_ptr<StageWorker> make_worker(Direction direction) const override;

 private:
  Traits traits_;
  Begin begin_;
  std::unique_ptr<TapRun> run_;
};

/// nullptr: it is none, so containers record it.
inline const Tap* as_tap(const Stage& stage) noexcept { return dynamic_cast<const Tap*>(&stage); }

}  // namespace adapipe::inline v0_1
