#include "command_options.hpp"

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "text.hpp"

namespace tool {
namespace {

/// Calls `store` with the bytes of an option such as `--memory 256M`.
template <typename Store>
CLI::Option* add_size(CLI::App& app, const std::string& name, Store store,
                      const std::string& help) {
  const auto parse = [name, store](const std::string& text) {
    try {
      store(parse_size(text));
    } catch (const std::invalid_argument& e) {
      throw CLI::ValidationError(name, e.what());
    }
  };
  return app.add_option_function<std::string>(name, parse, help)->option_text("SIZE");
}

/// An option that may be given several times, each time with one value.
template <typename T>
CLI::Option* add_repeated(CLI::App& app, const std::string& name, std::vector<T>& values,
                          const std::string& help) {
  return app.add_option(name, values, help)->allow_extra_args(false);
}

void add_kdf(CLI::App& app, KeyOptions& keys, const std::string& group) {
  app.add_option("--kdf", keys.kdf,
                 "How a new passphrase is stretched: scrypt (default),\npbkdf2 or argon2id")
      ->option_text("NAME")
      ->check(CLI::IsMember({"scrypt", "pbkdf2", "argon2id"}))
      ->group(group);
}

void add_recipients(CLI::App& app, KeyOptions& keys, const std::string& group) {
  add_repeated(app, "-r,--recipient", keys.recipients,
               "Whoever has the identity for this X25519 public key\n(adp1...); may be repeated")
      ->option_text("KEY")
      ->group(group);
  add_repeated(app, "-R,--recipients-file", keys.recipient_files,
               "Public keys, one a line, # begins a comment; may be\nrepeated")
      ->option_text("FILE")
      ->group(group);
}

void add_keys(CLI::App& app, KeyOptions& keys, bool forward) {
  const std::string group = "Keys";
  add_repeated(app, "-k,--key-file", keys.key_files,
               "A key file, as made by keygen; may be repeated")
      ->option_text("FILE")
      ->group(group);
  auto* ask = app.add_flag("-p,--passphrase", keys.ask_passphrase,
                           forward ? "Ask for a passphrase on the terminal, twice"
                                   : "Ask for the passphrase on the terminal");
  app.add_option("--passphrase-file", keys.passphrase_file,
                 "Take the first line of FILE as the passphrase")
      ->option_text("FILE")
      ->excludes(ask)
      ->group(group);
  ask->option_text(" ")->group(group);
  ask->disable_flag_override();  // its message does not repeat what was taken for a value
  if (forward) {
    add_kdf(app, keys, group);
    add_recipients(app, keys, group);
  } else {
    add_repeated(app, "-i,--identity", keys.identity_files,
                 "An identity file, as made by keygen --x25519; may be\nrepeated")
        ->option_text("FILE")
        ->group(group);
  }
}

constexpr char kResources[] = "Resources";

void add_resources(CLI::App& app, Options& options) {
  app.add_option("-T,--threads", options.threads, "CPU threads; default: one per core")
      ->option_text("N")
      ->check(CLI::Range(0, 1024))
      ->group(kResources);
  add_size(
      app, "--memory", [&](std::uint64_t bytes) { options.memory_bytes = bytes; },
      "The most memory to hold data in, such as 256M")
      ->group(kResources);
  app.add_option("--trace", options.trace,
                 "Write there what each thread did with each chunk, and\nwhen: for ui.perfetto.dev "
                 "or chrome://tracing")
      ->option_text("FILE")
      ->group(kResources);
}

void add_rate(CLI::App& app, Options& options) {
  const std::string name = "--rate";
  const auto parse = [name, &options](const std::string& text) {
    try {
      options.rate_limit = adapipe::rate_limit(parse_rate(text));
    } catch (const std::exception& e) {
      throw CLI::ValidationError(name, e.what());
    }
  };
  app.add_option_function<std::string>(
         name, parse, "Read no faster than this, all inputs together, such as\n50MiB/s")
      ->option_text("SIZE/s")
      ->group(kResources);
}

void add_index_memory(CLI::App& app, Options& options) {
  add_size(
      app, "--memory", [&](std::uint64_t bytes) { options.index_memory_bytes = bytes; },
      "The most memory for the index of chunks; default: 1G")
      ->group(kResources);
}

void add_max_size(CLI::App& app, Options& options) {
  add_size(
      app, "--max-size", [&](std::uint64_t bytes) { options.max_plain_bytes = bytes; },
      "Refuse a container that holds more than this, such as 10G")
      ->group(kResources);
}

void add_inputs(CLI::App& app, Options& options, const std::string& help) {
  app.add_option("IN", options.inputs, help)->option_text("...");
}

void add_input(CLI::App& app, Options& options) {
  app.add_option("IN", options.inputs, "The container; a regular file")
      ->expected(1)
      ->option_text(" ");
}

void add_output(CLI::App& app, Options& options, const std::string& by_default) {
  app.add_option("-o,--output", options.output,
                 "A file, a folder for several files, or - for stdout;\ndefault: " + by_default)
      ->option_text("OUT");
  app.add_flag("-f,--force", options.force, "Replace an existing output");
}

void add_quiet(CLI::App& app, Options& options) {
  app.add_flag("-q,--quiet", options.quiet, "No progress and no summary, only errors");
}

void add_new_keys(CLI::App& app, Options& options) {
  const std::string group = "Key slots";
  add_repeated(app, "--add-key-file", options.new_keys.key_files,
               "Let this key open as well; may be repeated")
      ->option_text("FILE")
      ->group(group);
  auto* ask = app.add_flag("--add-passphrase", options.new_keys.ask_passphrase,
                           "Let a new passphrase open, asked for twice");
  app.add_option("--add-passphrase-file", options.new_keys.passphrase_file,
                 "Let the first line of FILE open, as a passphrase")
      ->option_text("FILE")
      ->excludes(ask)
      ->group(group);
  ask->option_text(" ")->group(group);
  ask->disable_flag_override();
  add_kdf(app, options.new_keys, group);
  add_repeated(app, "--add-recipient", options.new_keys.recipients,
               "Let the owner of this X25519 public key open; may be\nrepeated")
      ->option_text("KEY")
      ->group(group);
  add_repeated(app, "--add-recipients-file", options.new_keys.recipient_files,
               "Let the owners of these public keys open; may be repeated")
      ->option_text("FILE")
      ->group(group);
  add_repeated(app, "--remove", options.remove_slots,
               "Take out a slot, by its number in info; may be repeated")
      ->option_text("N")
      ->check(CLI::Range(1, 64))
      ->group(group);
  app.add_flag("--remove-all", options.remove_all_slots,
               "Take out every slot but those that are added")
      ->option_text(" ")
      ->group(group);
}

}  // namespace

void describe_process(CLI::App& app, Options& options) {
  add_inputs(app, options, "Files to process; - or nothing is stdin");
  add_output(app, options, "IN.adapipe (IN.zst for zstd), and stdout for stdin");
  app.add_option(
         "--container", options.container,
         "What to write: adapipe (default), or zstd: a .zst file,\nwhich cannot be encrypted")
      ->option_text("NAME")
      ->check(CLI::IsMember({"adapipe", "zstd"}));
  auto* level = app.add_option("-l,--level", options.level,
                               "Compression level, -7 (fast) to 22 (small); default: 3");
  level->option_text("N");
  app.add_flag("--adapt", options.adapt,
               "Let the level follow the output: the slower that is, the\nhigher; 1 to 12, or as "
               "=min=N,max=N says")
      ->excludes(level)
      ->option_text("[=...]");
  app.add_option("--codec", options.codec, "Compression: zstd (default) or none")
      ->option_text("NAME")
      ->check(CLI::IsMember({"zstd", "none"}));
  app.add_option("--cipher", options.cipher,
                 "Encryption: aes-256-gcm (default), chacha20-poly1305,\naes-128-gcm or none")
      ->option_text("NAME")
      ->check(CLI::IsMember({"aes-256-gcm", "chacha20-poly1305", "aes-128-gcm", "none"}));
  add_size(
      app, "--chunk-size", [&](std::uint64_t bytes) { options.chunk_bytes = bytes; },
      "Bytes that are compressed and sealed as one, 4K to 256M;\ndefault: by the size of the "
      "input");
  app.add_option("--checksum", options.checksum,
                 "Print the checksum of the input on stderr, as sha256sum\ndoes: sha256")
      ->option_text("NAME")
      ->check(CLI::IsMember({"sha256"}));
  add_quiet(app, options);
  add_keys(app, options.keys, true);
  add_resources(app, options);
  add_rate(app, options);
}

void describe_restore(CLI::App& app, Options& options) {
  add_inputs(app, options, "Containers or .zst files to restore; - or nothing is stdin");
  add_output(app, options, "IN without .adapipe or .zst, and stdout for stdin");
  app.add_flag("--salvage", options.salvage,
               "Of a damaged container, restore what is intact, with\nzeros in place of the rest");
  add_quiet(app, options);
  add_keys(app, options.keys, false);
  add_resources(app, options);
  add_rate(app, options);
  add_max_size(app, options);
}

void describe_verify(CLI::App& app, Options& options) {
  add_inputs(app, options, "Containers to check; - or nothing is stdin");
  add_quiet(app, options);
  add_keys(app, options.keys, false);
  add_resources(app, options);
  add_rate(app, options);
  add_max_size(app, options);
}

void describe_rekey(CLI::App& app, Options& options) {
  add_input(app, options);
  add_output(app, options, "in place of IN");
  add_quiet(app, options);
  add_new_keys(app, options);
  add_keys(app, options.keys, false);
  add_index_memory(app, options);
}

void describe_cat(CLI::App& app, Options& options) {
  add_input(app, options);
  add_size(
      app, "--offset", [&](std::uint64_t bytes) { options.offset_bytes = bytes; },
      "Where to begin in the plain bytes; default: 0");
  add_size(
      app, "--length", [&](std::uint64_t bytes) { options.length_bytes = bytes; },
      "How many bytes to write; default: up to the end");
  add_keys(app, options.keys, false);
  add_index_memory(app, options);
}

void describe_info(CLI::App& app, Options& options) {
  add_input(app, options);
  app.add_flag("--json", options.json, "As one JSON object");
  add_keys(app, options.keys, false);
  add_index_memory(app, options);
}

void describe_keygen(CLI::App& app, Options& options) {
  app.add_option("-o,--output", options.output, "The new key file; never overwritten")
      ->option_text("FILE")
      ->required();
  app.add_flag("--x25519", options.x25519,
               "Make an identity: its public key encrypts, only its owner\ndecrypts");
  add_quiet(app, options);
}

}  // namespace tool
