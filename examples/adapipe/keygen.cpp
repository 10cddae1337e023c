#include <adapipe/keys.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "text.hpp"

namespace tool {

ExitCode run_keygen(const Options& options) {
  const std::string& file = *options.output;
  if (file == "-")
    throw Failure(ExitCode::usage,
                  "a key is not written to stdout; give -o FILE (./- for that name)");
  const adapipe::SharedKey key = adapipe::SharedKey::generate();
  key.save(file);
  if (!options.quiet)
    print_error(file + ": new key " + key.id() + ", readable by you only; keep it safe");
  return ExitCode::ok;
}

}  // namespace tool
