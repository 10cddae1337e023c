#include "open_reader.hpp"

#include "endpoints.hpp"
#include "keys.hpp"

namespace tool {

adapipe::Reader open_reader(const Options& options, const std::stop_token& stop) {
  const std::string& input = options.inputs.front();
  Keyring keyring(options.keys, stop);
  const adapipe::ListOf<adapipe::Identity> identities = keyring.identities_for(input);
  try {
    return adapipe::Reader::open(
        open_source(input),
        {.identities = identities, .max_index_memory_bytes = options.index_memory_bytes});
  } catch (...) {
    keyring.rethrow_with_advice(input);
  }
}

}  // namespace tool
