#include <unistd.h>

#include <adapipe/error.hpp>
#include <adapipe/rekey.hpp>
#include <utility>

#include "batch.hpp"
#include "commands.hpp"
#include "endpoints.hpp"
#include "exit_code.hpp"
#include "keys.hpp"

namespace tool {
namespace {

/// In place both sides have one name: the one that failed is the new file if the old can be read.
bool is_about_new_file(const adapipe::Error& error, const std::string& file) {
  return error.kind() == adapipe::errc::io_error && ::access(file.c_str(), R_OK) == 0;
}

}  // namespace

ExitCode run_rekey(const Options& options, const std::stop_token& stop) {
  check_output(options);
  Keyring keyring(options.keys, stop);
  const auto rekey_one = [&](const std::string& input, const std::string& output,
                             const OnProgress& on_progress) {
    adapipe::RekeyOptions rekey{.identities = keyring.identities_for(input),
                                .add = load_recipients(options.new_keys, stop),
                                .remove_all = options.remove_all_slots,
                                .stop = stop,
                                .on_progress = on_progress,
                                .max_index_memory_bytes = options.index_memory_bytes};
    for (const std::size_t number : options.remove_slots) rekey.remove.push_back(number - 1);
    const bool in_place = !options.output;
    try {
      adapipe::Sink sink =
          in_place ? open_sink_in_place(input) : open_sink(output, input, options.force);
      return adapipe::rekey(open_source(input), std::move(sink), std::move(rekey));
    } catch (const adapipe::Error& e) {
      if (in_place && is_about_new_file(e, input))
        throw Failure(exit_code(e, Side::output), e.what());
      keyring.rethrow_with_advice(input);
    }
  };
  return run_one_by_one(options, stop, rekey_one);
}

}  // namespace tool
