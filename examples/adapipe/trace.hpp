#pragma once

#include <adapipe/trace.hpp>
#include <memory>

#include "options.hpp"

namespace tool {

/// The file of --trace, if it is asked for: of all that the runtime does with each chunk.
class Trace {
 public:
  /// Makes the file, so that what is wrong with it is known before the work; what is in one that
  /// there is stays until write(). Throws Failure, also if it is an input or its output.
  explicit Trace(const Options& options);
  /// Nothing was written: a file that was made goes.
  ~Trace();
  Trace(const Trace&) = delete;

  /// For the runtime; nullptr: nothing is recorded.
  std::shared_ptr<adapipe::Observer> observer() const { return recorder_; }
  /// Once the work is done, also if it has failed. Throws Failure.
  void write();

 private:
  std::string path_;
  int file_ = -1;  // kept open, so that who reads a FIFO waits for the trace
  bool is_new_and_empty_ = false;
  std::shared_ptr<adapipe::TraceRecorder> recorder_;
};

}  // namespace tool
