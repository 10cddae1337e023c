#pragma once

#include <adapipe/error.hpp>

#include "memory/chunk_slot.hpp"

namespace adapipe::inline v0_1 {

/// How a runner and the operation it runs speak to each other. Thread-safe.
class RunControl {
 public:
  virtual ~RunControl() = default;
  /// Chunks pass through unprocessed from now on, and no new ones are begun.
  virtual bool failed() const noexcept = 0;
  virtual void fail(Error error) noexcept = 0;
  /// A chunk has been written. May throw, which fails the operation.
  virtual void chunk_done(const ChunkSlot& slot) = 0;
  /// The last chunk is back; nobody uses the parts any more.
  virtual void drained() noexcept = 0;
};

}  // namespace adapipe::inline v0_1
