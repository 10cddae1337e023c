#include <adapipe/keys.hpp>

#include "commands.hpp"
#include "text.hpp"

namespace tool {

ExitCode run_keygen(const Options& options) {
  const std::string& file = *options.output;
  const adapipe::SharedKey key = adapipe::SharedKey::generate();
  key.save(file);
  if (!options.quiet)
    print_error(file + ": new key " + key.id() + ", readable by you only; keep it safe");
  return ExitCode::ok;
}

}  // namespace tool
