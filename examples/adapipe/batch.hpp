#pragma once

#include <adapipe/operation.hpp>
#include <adapipe/report.hpp>
#include <adapipe/runtime.hpp>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>

#include "exit_code.hpp"
#include "options.hpp"
#include "trace.hpp"

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
/// The same as an operation that it starts.
using StartWork =
    std::function<adapipe::Operation(const std::string& input, const std::string& output)>;
/// Passes on the exception about `input` that is being handled, with what there is to say about it.
using Advise = std::function<void(const std::string& input)>;

/// Does `work` on every input, one after the other, with a progress line and a summary each. Goes
/// on after a failure, whose line is printed at once, but not after a stop; returns the code of the
/// first input that failed.
ExitCode run_one_by_one(const Options& options, const std::stop_token& stop, const Work& work);

/// The same for operations, of which several run at once, with one progress line for all. What is
/// printed about an input is printed when it has ended.
ExitCode run_at_once(const Options& options, const std::stop_token& stop, const StartWork& start,
                     const Advise& advise = {});

/// The runtime that --threads, --memory and --trace describe.
adapipe::Runtime make_runtime(const Options& options, const Trace& trace);

}  // namespace tool
