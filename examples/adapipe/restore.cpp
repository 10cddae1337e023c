#include <adapipe/restore.hpp>

#include "batch.hpp"
#include "commands.hpp"
#include "endpoints.hpp"
#include "keys.hpp"

namespace tool {
namespace {

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
  return run_backward(
      options, stop,
      [&](const std::string& input, const std::string& output, adapipe::RestoreOptions restore) {
        return adapipe::restore(open_source(input), open_sink(output, input, options.force),
                                std::move(restore));
      });
}

ExitCode run_verify(const Options& options, const std::stop_token& stop) {
  return run_backward(
      options, stop,
      [](const std::string& input, const std::string&, adapipe::RestoreOptions restore) {
        return adapipe::verify(open_source(input), std::move(restore));
      });
}

}  // namespace tool
