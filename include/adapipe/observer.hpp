#pragma once

#include <adapipe/error.hpp>
#include <adapipe/export.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace adapipe::inline v0_1 {

/// What an operation is.
enum class OperationKind : std::uint8_t {
  process,  ///< of Pipeline, or of a Writer
  restore,
  verify,
  read,    ///< a range that a Reader reads in parallel, or start_read()
  reader,  ///< an open Reader: the chunks that it decodes into the cache
};

/// "process", "restore", ...
ADAPIPE_API std::string_view name_of(OperationKind kind) noexcept;

/// What is done with a chunk.
enum class Step : std::uint8_t {
  read,   ///< from the source
  stage,  ///< a stage, the cipher or the record check
  write   ///< to the sink
};

/// One step of one chunk, once it has succeeded.
struct StepEvent {
  using TimePoint = std::chrono::steady_clock::time_point;

  std::uint64_t operation = 0;  ///< its number on its Runtime, from 1
  std::uint64_t chunk = 0;      ///< from 0
  Step step = Step::read;
  std::string_view stage{};  ///< Step::stage: as in StageReport::name; valid during the call
  std::size_t bytes_in = 0;
  std::size_t bytes_out = 0;
  TimePoint ready{};  ///< the step before it ended; the first: the chunk was begun
  TimePoint began{};  ///< from `ready` to here the chunk waited
  TimePoint ended{};
};

/// Told by a Runtime (RuntimeOptions::observer) what becomes of its operations and their chunks, as
/// it happens, on the threads where it happens: thread-safe and quick. What is not overridden does
/// nothing. Must not wait for an operation of that Runtime, which may be waiting for this call, nor
/// hold the Runtime, which would never end; metrics() may be called. salvage() and rekey(), which
/// run on the calling thread alone, are not observed.
class ADAPIPE_API Observer {
 public:
  virtual ~Observer();

  /// Before it waits for its turn.
  virtual void operation_started(std::uint64_t operation, OperationKind kind) noexcept;
  /// On the thread that did it. Of one operation, from several threads at once.
  virtual void step_ended(const StepEvent& event) noexcept;
  /// After its last step, before who waits for it is told. `error`: nullptr if it has succeeded;
  /// valid during the call.
  virtual void operation_ended(std::uint64_t operation, const Error* error) noexcept;
};

}  // namespace adapipe::inline v0_1
