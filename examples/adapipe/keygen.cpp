#include <adapipe/keys.hpp>
#include <string>

#include "commands.hpp"
#include "exit_code.hpp"
#include "text.hpp"

namespace tool {

ExitCode run_keygen(const Options& options) {
  const std::string& file = *options.output;
  if (file == "-")
    throw Failure(ExitCode::usage,
                  "a key is not written to stdout; give -o FILE (./- for that name)");
  std::string what;
  if (options.x25519) {
    const auto identity = adapipe::X25519Identity::generate();
    identity.save(file);
    what = "new identity, readable by you only; its public key is " + identity.recipient().text();
  } else {
    const auto key = adapipe::SharedKey::generate();
    key.save(file);
    what = "new key " + key.id() + ", readable by you only; keep it safe";
  }
  if (!options.quiet) print_error(file + ": " + what);
  return ExitCode::ok;
}

}  // namespace tool
