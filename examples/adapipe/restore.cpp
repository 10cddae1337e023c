#include <adapipe/restore.hpp>
#include <adapipe/salvage.hpp>
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
template <typename Run>
ExitCode run_backward(const Options& options, const std::stop_token& stop, Run run) {
  Keyring keyring(options.keys, stop);
  const adapipe::Runtime runtime = make_runtime(options);
  return run_batch(
      options, stop,
      [&](const std::string& input, const std::string& output, const OnProgress& on_progress) {
        adapipe::RestoreOptions restore{.identities = keyring.identities_for(input),
                                        .stop = stop,
                                        .on_progress = on_progress,
                                        .runtime = runtime,
                                        .max_plain_bytes = options.max_plain_bytes};
        try {
          return run(input, output, std::move(restore));
        } catch (...) {
          keyring.rethrow_with_advice(input);
        }
      });
}

}  // namespace

ExitCode run_restore(const Options& options, const std::stop_token& stop) {
  check_output(options);
  return run_backward(options, stop,
                      [&](const std::string& input, const std::string& output,
                          adapipe::RestoreOptions restore) -> Done {
                        if (options.salvage)
                          return salvage_one(options, input, output, std::move(restore));
                        return adapipe::restore(open_source(input),
                                                open_sink(output, input, options.force),
                                                std::move(restore));
                      });
}

ExitCode run_verify(const Options& options, const std::stop_token& stop) {
  return run_backward(
      options, stop,
      [](const std::string& input, const std::string&, adapipe::RestoreOptions restore) -> Done {
        return adapipe::verify(open_source(input), std::move(restore));
      });
}

}  // namespace tool
