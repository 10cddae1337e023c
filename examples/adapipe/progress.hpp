#pragma once

#include <adapipe/report.hpp>
#include <cstddef>
#include <functional>
#include <string>

#include "options.hpp"

namespace tool {

/// A line on stderr that is rewritten while something runs, and gone afterwards.
class ProgressLine {
 public:
  ProgressLine() = default;
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;

  void show(const std::string& name, const adapipe::Progress& progress);
  /// To print something else.
  void clear();

 private:
  void print(const std::string& line);

  std::size_t shown_columns_ = 0;
};

/// Whether a progress line makes sense.
bool wants_progress(const Options& options);

/// What was done, in one line: `in -> out: 1.30 GB to 412 MB, ratio 3.15, 2.1 s, 619 MB/s`, or
/// `in: rekeyed, 412 MB in 310 ms`.
void print_summary(Command command, const std::string& name, const adapipe::Report& report);

/// The SHA-256 of what was processed, in the line that sha256sum has for it.
void print_checksum(const std::string& input, const adapipe::Report& report);

}  // namespace tool
