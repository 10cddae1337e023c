#include "batch.hpp"

#include <adapipe/error.hpp>
#include <set>

#include "endpoints.hpp"
#include "progress.hpp"

namespace tool {
namespace {

class Batch {
 public:
  Batch(const Options& options, const Work& work) : options_(options), work_(work) {}

  void run(const std::string& input) {
    refuse_folder(input);
    const std::string output = find_output(input);
    const Done done = run_with_advice(input, output);
    made_.insert(output);
    const bool in_place = output.empty() || output == input;
    const std::string name =
        in_place ? input_name(input) : input_name(input) + " -> " + output_name(output);
    if (!done.shortfall.empty()) throw Failure(ExitCode::bad_data, name + ": " + done.shortfall);
    if (!options_.quiet) print_summary(options_.command, name, done.report);
  }

 private:
  std::string find_output(const std::string& input) const {
    if (options_.command == Command::verify) return {};
    const std::string output = output_for(options_, input);
    // With --force the second of two inputs of one name would replace the first.
    if (made_.contains(output))
      throw Failure(ExitCode::cannot_create,
                    input + ": " + output + " was just made from another input");
    return output;
  }

  Done run_with_advice(const std::string& input, const std::string& output) {
    try {
      return run_with_progress(input, output);
    } catch (const adapipe::Error& e) {
      if (e.kind() != adapipe::errc::already_exists) throw;
      throw Failure(ExitCode::cannot_create, output + ": exists; use --force to replace it");
    }
  }

  Done run_with_progress(const std::string& input, const std::string& output) {
    if (!wants_progress(options_)) return work_(input, output, {});
    ProgressLine line(input_name(input));
    return work_(input, output, [&](const adapipe::Progress& progress) { line.show(progress); });
  }

  const Options& options_;
  const Work& work_;
  std::set<std::string> made_;
};

}  // namespace

ExitCode run_batch(const Options& options, const std::stop_token& stop, const Work& work) {
  Batch batch(options, work);
  ExitCode first_failure = ExitCode::ok;
  for (const std::string& input : options.inputs) {
    if (stop.stop_requested()) break;
    try {
      batch.run(input);
    } catch (...) {
      const ExitCode code = report_failure(input_name(input));
      if (first_failure == ExitCode::ok) first_failure = code;
    }
  }
  return first_failure;
}

adapipe::Runtime make_runtime(const Options& options) {
  return adapipe::Runtime(
      {.worker_threads = options.threads, .memory_bytes = options.memory_bytes});
}

}  // namespace tool
