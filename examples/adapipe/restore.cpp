#include <adapipe/restore.hpp>
#include <adapipe/salvage.hpp>
#include <algorithm>
#include <string>
#include <utility>

#include "batch.hpp"
#include "commands.hpp"
#include "endpoints.hpp"
#include "keys.hpp"
#include "text.hpp"

namespace tool {
namespace {

std::string describe(const adapipe::LostRange& lost) {
  const std::uint64_t end = lost.offset_bytes + lost.length_bytes;
  std::string text =
      "lost bytes " + std::to_string(lost.offset_bytes) + ".." + std::to_string(end - 1) + " (";
  if (lost.chunks == 1)
    text += "chunk " + std::to_string(lost.first_chunk);
  else if (lost.chunks)
    text += "chunks " + std::to_string(lost.first_chunk) + " to " +
            std::to_string(lost.first_chunk + *lost.chunks - 1);
  else
    text += "from chunk " + std::to_string(lost.first_chunk) + " on";
  return text + "): " + lost.reason;
}

/// Lists what is lost, a line each.
Done salvage_one(const Options& options, const std::string& input, const std::string& output,
                 adapipe::RestoreOptions restore) {
  if (is_stream(input) && !is_regular_file(input))
    throw Failure(ExitCode::usage,
                  "stdin: salvaging reads the container twice; write it to a file first");
  const adapipe::SalvageReport report = adapipe::salvage(
      open_source(input), open_sink(output, input, options.force), std::move(restore));
  Done done(report);
  if (report.is_complete()) return done;
  const std::string name = input_name(input) + ": ";
  for (const adapipe::LostRange& lost : report.lost) print_error(name + describe(lost));
  if (report.assumed_from_bytes)
    print_error(name + "the index is lost, so from byte " +
                std::to_string(*report.assumed_from_bytes) +
                " on, data may stand at a wrong place: the lost chunks before are taken to have "
                "been of full size");
  if (!report.end_known)
    print_error(name +
                "the index is lost, and the container does not say how long the data was: "
                "more may be missing at the end");
  done.shortfall = "recovered " + format_bytes(report.recovered_bytes);
  if (!report.lost.empty())
    done.shortfall += " of " + format_bytes(report.output_bytes) + ", with zeros for the rest";
  return done;
}

/// What restore and verify have in common.
class Backward {
 public:
  Backward(const Options& options, const std::stop_token& stop)
      : options_(options),
        stop_(stop),
        keyring_(options.keys, stop),
        trace_(options),
        runtime_(make_runtime(options, trace_)) {}

  /// `start` makes an operation of an input, its output and the options.
  template <typename Start>
  ExitCode run_at_once(Start start) {
    // What has to be asked for is asked for before anything runs.
    static_cast<void>(std::ranges::any_of(options_.inputs, [this](const std::string& input) {
      return !keyring_.identities_for(input).empty();
    }));
    const ExitCode code = tool::run_at_once(
        options_, stop_,
        [&](const std::string& input, const std::string& output) {
          return start(input, output, restore_options(input, {}));
        },
        [this](const std::string& input) { keyring_.rethrow_with_advice(input); });
    trace_.write();
    return code;
  }

  ExitCode salvage() {
    return run_one_by_one(
        options_, stop_,
        [this](const std::string& input, const std::string& output, const OnProgress& on_progress) {
          try {
            return salvage_one(options_, input, output, restore_options(input, on_progress));
          } catch (...) {
            keyring_.rethrow_with_advice(input);
          }
        });
  }

 private:
  adapipe::RestoreOptions restore_options(const std::string& input, const OnProgress& on_progress) {
    return {.identities = keyring_.identities_for(input),
            .stop = stop_,
            .on_progress = on_progress,
            .runtime = runtime_,
            .max_plain_bytes = options_.max_plain_bytes,
            .rate_limit = options_.rate_limit};
  }

  const Options& options_;
  const std::stop_token& stop_;
  Keyring keyring_;
  Trace trace_;
  const adapipe::Runtime runtime_;
};

}  // namespace

ExitCode run_restore(const Options& options, const std::stop_token& stop) {
  check_output(options);
  Backward backward(options, stop);
  if (options.salvage) return backward.salvage();
  return backward.run_at_once(
      [&](const std::string& input, const std::string& output, adapipe::RestoreOptions restore) {
        return adapipe::start_restore(open_source(input), open_sink(output, input, options.force),
                                      std::move(restore));
      });
}

ExitCode run_verify(const Options& options, const std::stop_token& stop) {
  return Backward(options, stop)
      .run_at_once(
          [](const std::string& input, const std::string&, adapipe::RestoreOptions restore) {
            return adapipe::start_verify(open_source(input), std::move(restore));
          });
}

}  // namespace tool
