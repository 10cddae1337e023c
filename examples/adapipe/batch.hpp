#pragma once

#include <adapipe/report.hpp>
#include <adapipe/runtime.hpp>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>

#include "exit_code.hpp"
#include "options.hpp"

namespace tool {

using OnProgress = std::function<void(const adapipe::Progress&)>;

/// What came of one input.
struct Done {
  Done(adapipe::Report work_report) : report(std::move(work_report)) {}

  adapipe::Report report;
  std::string shortfall{};  ///< what is missing of the output, if anything: exit status 65
};

/// Handles one input: does the work, tells `on_progress` unless that is empty. `output` is empty
/// for commands that have none.
using Work = std::function<Done(const std::string& input, const std::string& output,
                                const OnProgress& on_progress)>;

/// Does `work` on every input, with a progress line and a summary each. Goes on after a failure,
/// whose line is printed at once, but not after a stop; returns the code of the first failure.
ExitCode run_batch(const Options& options, const std::stop_token& stop, const Work& work);

/// The runtime that --threads and --memory describe.
adapipe::Runtime make_runtime(const Options& options);

}  // namespace tool
