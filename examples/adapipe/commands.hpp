#pragma once

#include <stop_token>

#include "exit_code.hpp"
#include "options.hpp"

namespace tool {

/// Each runs one command. What concerns one of several inputs is reported at once and returned as
/// the code of the first failure; what concerns the command as a whole is thrown.
ExitCode run_process(const Options& options, const std::stop_token& stop);
ExitCode run_restore(const Options& options, const std::stop_token& stop);
ExitCode run_verify(const Options& options, const std::stop_token& stop);
ExitCode run_rekey(const Options& options, const std::stop_token& stop);
ExitCode run_cat(const Options& options, const std::stop_token& stop);
ExitCode run_info(const Options& options, const std::stop_token& stop);
ExitCode run_keygen(const Options& options);

}  // namespace tool
