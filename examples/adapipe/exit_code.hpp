#pragma once

#include <adapipe/error.hpp>
#include <stdexcept>
#include <string>

namespace tool {

/// What the process tells its caller, after sysexits.h.
enum class ExitCode : int {
  ok = 0,
  usage = 64,          ///< the command line, or a value in it, is wrong
  bad_data = 65,       ///< corrupt, truncated, not a container, beyond a limit
  no_input = 66,       ///< an input is missing or cannot be opened
  unavailable = 69,    ///< written by a newer version, or with a stage that is not built in
  internal = 70,       ///< a bug
  resources = 71,      ///< memory, threads or descriptors do not suffice
  cannot_create = 73,  ///< the output exists or cannot be created
  io = 74,             ///< reading or writing failed on the way
  wrong_key = 77,      ///< no given key or passphrase opens the container
};

/// A failure that the tool itself finds; the message is complete.
class Failure : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// On which side of an operation the system refused.
enum class Side { input, output };

ExitCode exit_code(const adapipe::Error& error, Side side) noexcept;

/// To be called while an exception is being handled: prints its one line on stderr and returns
/// its code. `input` is what was worked on, empty if nothing in particular. An output whose reader
/// has left stops all work, quietly, and ends the process by SIGPIPE.
ExitCode report_failure(const std::string& input) noexcept;

}  // namespace tool
