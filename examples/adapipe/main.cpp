#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <optional>

#include "commands.hpp"
#include "exit_code.hpp"
#include "options.hpp"
#include "signals.hpp"

namespace tool {
namespace {

/// A program may be started with stdin, stdout or stderr closed. The next file it opens would then
/// become that stream: occupy the number, in the mode in which every use fails.
void reserve_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return;
  }
}

/// A core dump would hold what OpenSSL made of the keys. 1 byte and not 0, which the kernel takes
/// for no limit where core dumps are piped to a program.
void forbid_core_dumps() {
  const rlimit none{.rlim_cur = 1, .rlim_max = 1};
  ::setrlimit(RLIMIT_CORE, &none);  // refused where core dumps are forbidden already
}

ExitCode run_command(const Options& options, const std::stop_token& stop) {
  switch (options.command) {
    case Command::process:
      return run_process(options, stop);
    case Command::restore:
      return run_restore(options, stop);
    case Command::verify:
      return run_verify(options, stop);
    case Command::rekey:
      return run_rekey(options, stop);
    case Command::cat:
      return run_cat(options, stop);
    case Command::info:
      return run_info(options, stop);
    case Command::keygen:
      return run_keygen(options);
  }
  return ExitCode::internal;
}

ExitCode run(int argc, char** argv, const std::stop_token& stop) {
  try {
    const std::optional<Options> options = parse_options(argc, argv);
    return options ? run_command(*options, stop) : ExitCode::ok;
  } catch (...) {
    return report_failure({});
  }
}

}  // namespace
}  // namespace tool

int main(int argc, char** argv) {
  tool::reserve_standard_descriptors();
  tool::forbid_core_dumps();
  try {
    const tool::SignalWatch signals;
    const tool::ExitCode code = tool::run(argc, argv, signals.token());
    if (signals.caught() != 0) tool::die_of(signals.caught());
    return static_cast<int>(code);
  } catch (...) {
    return static_cast<int>(tool::report_failure({}));
  }
}
