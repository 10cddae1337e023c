#include "trace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "endpoints.hpp"
#include "exit_code.hpp"

namespace tool {
namespace {

/// Whoever replaces one of them must not lose what the work is about, nor the key to it.
void check_other_file(const Options& options) {
  for (const std::string& file : options.keys.files())
    if (is_same_file(options.trace, file))
      throw Failure(ExitCode::usage,
                    options.trace + ": is a file of keys that was given; trace into another file");
  for (const std::string& input : options.inputs) {
    if (is_same_file(options.trace, input))
      throw Failure(ExitCode::usage, options.trace + ": is an input; trace into another file");
    if (options.command != Command::verify &&
        is_same_file(options.trace, output_for(options, input)))
      throw Failure(ExitCode::usage, options.trace + ": is the output; trace into another file");
  }
}

/// What is there; a FIFO only if it has a reader: opening it would wait for one where no stop can
/// end that.
int open_existing(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
}

}  // namespace

Trace::Trace(const Options& options) : path_(options.trace) {
  if (path_.empty()) return;
  check_other_file(options);
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_EXCL, 0666);
  is_new_and_empty_ = file_ >= 0;
  if (file_ < 0 && errno == EEXIST && options.force) file_ = open_existing(path_);
  if (file_ < 0 && errno == EEXIST)
    throw Failure(ExitCode::cannot_create, path_ + ": exists; use --force to replace it");
  if (file_ < 0)
    throw Failure(ExitCode::cannot_create,
                  path_ + ": cannot create the trace: " + std::strerror(errno));
  recorder_ = std::make_shared<adapipe::TraceRecorder>();
}

Trace::~Trace() {
  if (file_ >= 0) ::close(file_);
  if (is_new_and_empty_) ::unlink(path_.c_str());
}

void Trace::write() {
  if (!recorder_) return;
  is_new_and_empty_ = false;
  const int again = open_existing(path_);
  if (again < 0) throw Failure(ExitCode::io, path_ + ": cannot be written");
  std::ofstream file(path_);
  ::close(again);
  recorder_->write(file);
  if (!file.flush()) throw Failure(ExitCode::io, path_ + ": cannot be written");
}

}  // namespace tool
