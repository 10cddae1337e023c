#pragma once

#include <adapipe/export.hpp>
#include <adapipe/observer.hpp>
#include <cstddef>
#include <memory>
#include <ostream>

namespace adapipe::inline v0_1 {

/// Records what one Runtime does with every chunk, for a person to look at: what write() writes is
/// opened by ui.perfetto.dev and chrome://tracing. There every thread has a row with the steps that
/// it did (read, each stage, write), and every chunk in flight a bar of its own, with its waiting
/// in it.
///
///     auto trace = std::make_shared<adapipe::TraceRecorder>();
///     adapipe::Runtime runtime({.observer = trace});
///     ...
///     trace->write(file);
class ADAPIPE_API TraceRecorder final : public Observer {
 public:
  /// Keeps the first `max_steps`, of about 100 bytes each, and the operations that start before
  /// there is no more room; counts the other steps.
  explicit TraceRecorder(std::size_t max_steps = 1'000'000);
  ~TraceRecorder() override;

  /// Writes what there is so far in the Trace Event Format (JSON). Times count from when the
  /// recorder was made. Throws what the stream throws, and std::bad_alloc. Thread-safe.
  void write(std::ostream& to) const;
  /// Steps that were not kept, for want of room or memory.
  std::size_t dropped_steps() const noexcept;

  void operation_started(std::uint64_t operation, OperationKind kind) noexcept override;
  void step_ended(const StepEvent& event) noexcept override;
  void operation_ended(std::uint64_t operation, const Error* error) noexcept override;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace adapipe::inline v0_1
