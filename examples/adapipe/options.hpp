#pragma once

#include <adapipe/rate_limit.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tool {

enum class Command { process, restore, verify, rekey, cat, info, keygen };

struct KeyOptions {
  std::vector<std::string> key_files{};
  bool ask_passphrase = false;
  std::string passphrase_file{};
  std::string kdf{};                           ///< for a passphrase, when writing; or empty
  std::vector<std::string> recipients{};       ///< X25519 public keys, when writing
  std::vector<std::string> recipient_files{};  ///< files with such, when writing
  std::vector<std::string> identity_files{};   ///< files with X25519 private keys, when reading

  bool any() const {
    return !key_files.empty() || ask_passphrase || !passphrase_file.empty() ||
           !recipients.empty() || !recipient_files.empty() || !identity_files.empty();
  }

  /// All files that hold a key or a passphrase.
  std::vector<std::string> files() const {
    std::vector<std::string> all = key_files;
    all.insert(all.end(), recipient_files.begin(), recipient_files.end());
    all.insert(all.end(), identity_files.begin(), identity_files.end());
    if (!passphrase_file.empty()) all.push_back(passphrase_file);
    return all;
  }
};

/// The command line, checked as far as that is possible without touching a file.
struct Options {
  Command command = Command::process;
  std::vector<std::string> inputs{};    ///< "-" is stdin; never empty, but for keygen
  std::optional<std::string> output{};  ///< "-" is stdout; as given with -o
  KeyOptions keys{};
  KeyOptions new_keys{};                    ///< rekey: whoever gets a slot
  std::vector<std::size_t> remove_slots{};  ///< rekey: as info numbers them, from 1
  bool remove_all_slots = false;
  int level = 3;                       ///< of compression; the lowest one if it adapts
  std::optional<int> highest_level{};  ///< if it adapts to the output
  std::string adapt{};                 ///< as given: "true", or "min=N,max=N"; or empty
  std::string codec = "zstd";
  std::string container = "adapipe";
  std::string
      cipher{};  ///< never empty for process: what it is by default depends on the container
  std::optional<std::uint64_t> chunk_bytes{};
  std::string checksum{};                                     ///< process: "sha256", or empty
  std::size_t threads = 0;                                    ///< 0: as many as there are
  std::size_t memory_bytes = 0;                               ///< 0: the library's default
  std::optional<adapipe::RateLimit> rate_limit{};             ///< process, restore, verify
  std::uint64_t index_memory_bytes = std::uint64_t{1} << 30;  ///< cat, info, rekey
  std::uint64_t max_plain_bytes = UINT64_MAX;                 ///< restore, verify
  std::uint64_t offset_bytes = 0;                             ///< cat
  std::optional<std::uint64_t> length_bytes{};
  std::string trace{};   ///< where to; empty: none
  bool salvage = false;  ///< restore
  bool force = false;
  bool quiet = false;
  bool json = false;
  bool x25519 = false;  ///< keygen
};

/// Throws Failure(usage). nullopt: --help or --version was asked for, and has been printed.
std::optional<Options> parse_options(int argc, char** argv);

}  // namespace tool
