#include "batch.hpp"

#include <fmt/format.h>

#include <adapipe/batch.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "endpoints.hpp"
#include "progress.hpp"

namespace tool {
namespace {

/// Where each input goes. Only with --force is a file replaced, so only then does it matter by
/// which name it is called.
class Outputs {
 public:
  explicit Outputs(const Options& options) : options_(options) {
    if (!options.force || options.command == Command::verify || options.inputs.size() == 1) return;
    for (const std::string& input : options.inputs) inputs_.emplace(resolved(input), input);
  }

  std::string find(const std::string& input) {
    refuse_folder(input);
    if (options_.command == Command::verify) return {};
    const std::string output = output_for(options_, input);
    if (options_.force) refuse_key_file(output);
    if (options_.inputs.size() == 1) return output;
    // The second of two inputs of one name would replace the first, and an input that has not had
    // its turn would be replaced before it is read.
    const std::filesystem::path file =
        options_.force ? resolved(output) : std::filesystem::path(output);
    if (!taken_.insert(file).second)
      throw Failure(ExitCode::cannot_create,
                    input + ": " + output + " is what another input becomes");
    const auto found = inputs_.find(file);
    if (found != inputs_.end() && found->second != input)
      throw Failure(ExitCode::cannot_create, input + ": " + output + " is another input");
    return output;
  }

 private:
  /// What is encrypted for a key would take the place of the key.
  void refuse_key_file(const std::string& output) const {
    if (is_stream(output)) return;
    for (const KeyOptions* const keys : {&options_.keys, &options_.new_keys})
      for (const std::string& file : keys->files())
        if (is_same_file(output, file))
          throw Failure(ExitCode::usage,
                        output + ": is a file of keys that was given; use another output");
  }

  const Options& options_;
  std::map<std::filesystem::path, std::string> inputs_;  // by their resolved names; of a batch
  std::set<std::filesystem::path> taken_;
};

void print_done(const Options& options, const std::string& input, const std::string& output,
                const Done& done) {
  const bool in_place = output.empty() || output == input;
  const std::string name =
      in_place ? input_name(input) : input_name(input) + " -> " + output_name(output);
  if (!done.shortfall.empty()) throw Failure(ExitCode::bad_data, name + ": " + done.shortfall);
  if (!options.quiet) print_summary(options.command, name, done.report);
}

/// To be called while an exception is being handled: as report_failure(), in the tool's words.
ExitCode report(const std::string& input, const std::string& output, const Advise& advise = {}) {
  try {
    try {
      if (advise) advise(input);
      throw;
    } catch (const adapipe::Error& e) {
      if (e.kind() != adapipe::errc::already_exists) throw;
      throw Failure(ExitCode::cannot_create, output + ": exists; use --force to replace it");
    }
  } catch (...) {
    return report_failure(input_name(input));
  }
}

/// Of the first that failed.
ExitCode first_failure(const std::vector<ExitCode>& codes) {
  const auto failed = std::ranges::find_if(codes, [](ExitCode c) { return c != ExitCode::ok; });
  return failed == codes.end() ? ExitCode::ok : *failed;
}

/// The inputs as items of a batch: what is thrown, printed and returned for each.
class Items {
 public:
  Items(const Options& options, const std::stop_token& stop, const StartWork& start,
        const Advise& advise)
      : options_(options),
        stop_(stop),
        start_(start),
        advise_(advise),
        outputs_(options),
        found_(options.inputs.size()),
        codes_(options.inputs.size(), ExitCode::ok) {
    if (wants_progress(options)) line_.emplace();
  }

  ExitCode run() {
    adapipe::BatchOptions batch{
        .max_running = options_.threads > 0 ? 2 * options_.threads + 2 : 0,
        .stop = stop_,
        .on_item = [this](std::size_t item, const auto& result) { end(item, result); }};
    if (line_) batch.on_progress = [this](const auto& progress) { show(progress); };
    const auto results = adapipe::run_all(
        found_.size(), [this](std::size_t item) { return start(item); }, std::move(batch));
    if (!options_.checksum.empty()) print_checksums(results);
    return first_failure(codes_);
  }

 private:
  adapipe::Operation start(std::size_t item) {
    const std::string& input = options_.inputs[item];
    try {
      found_[item] = outputs_.find(input);
      return start_(input, found_[item]);
    } catch (...) {
      failure_ = std::current_exception();  // as it is: the batch would make an Error of it
      throw;
    }
  }

  void end(std::size_t item, const adapipe::BatchResult& result) {
    if (line_) line_->clear();
    const std::string& input = options_.inputs[item];
    try {
      if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
      if (result.error) throw adapipe::Error(*result.error);
      print_done(options_, input, found_[item], Done(result.report));
    } catch (...) {
      codes_[item] = ExitCode::internal;
      // A stop ends all that run, and is worth one line.
      if (stop_.stop_requested() && stop_was_told_) return;
      codes_[item] = report(input, found_[item], advise_);
      stop_was_told_ = stop_.stop_requested();  // also a stop that the report asks for
    }
  }

  /// In the order of the inputs, as sha256sum does.
  void print_checksums(const std::vector<adapipe::BatchResult>& results) const {
    for (std::size_t item = 0; item < results.size(); ++item)
      if (!results[item].error) print_checksum(options_.inputs[item], results[item].report);
  }

  void show(const adapipe::BatchProgress& progress) {
    const bool is_alone = progress.items_total == 1;
    line_->show(is_alone ? input_name(options_.inputs.front())
                         : fmt::format("{} of {} files", progress.items_done, progress.items_total),
                progress.all);
  }

  const Options& options_;
  const std::stop_token& stop_;
  const StartWork& start_;
  const Advise& advise_;
  Outputs outputs_;
  std::vector<std::string> found_;  // outputs
  std::vector<ExitCode> codes_;
  std::exception_ptr failure_;  // of the item that could not be started
  bool stop_was_told_ = false;
  std::optional<ProgressLine> line_;
};

}  // namespace

ExitCode run_one_by_one(const Options& options, const std::stop_token& stop, const Work& work) {
  Outputs outputs(options);
  std::vector<ExitCode> codes;
  for (const std::string& input : options.inputs) {
    if (stop.stop_requested()) break;
    std::string output;
    try {
      std::optional<ProgressLine> line;
      OnProgress on_progress;
      if (wants_progress(options)) {
        line.emplace();
        on_progress = [&](const auto& progress) { line->show(input_name(input), progress); };
      }
      output = outputs.find(input);
      const Done done = work(input, output, on_progress);
      line.reset();
      print_done(options, input, output, done);
      codes.push_back(ExitCode::ok);
    } catch (...) {
      codes.push_back(report(input, output));
    }
  }
  return first_failure(codes);
}

ExitCode run_at_once(const Options& options, const std::stop_token& stop, const StartWork& start,
                     const Advise& advise) {
  return Items(options, stop, start, advise).run();
}

adapipe::Runtime make_runtime(const Options& options, const Trace& trace) {
  return adapipe::Runtime({.worker_threads = options.threads,
                           .memory_bytes = options.memory_bytes,
                           .observer = trace.observer()});
}

}  // namespace tool
