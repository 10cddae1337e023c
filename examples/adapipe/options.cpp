#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <span>
#include <sstream>
#include <string_view>

#include "command_options.hpp"
#include "exit_code.hpp"
#include "help.hpp"
#include "text.hpp"

namespace tool {
namespace {

struct CommandEntry {
  Command command;
  const char* name;
  const char* summary;
  const char* footer;
  void (*describe)(CLI::App&, Options&);
};

constexpr std::array kCommands{
    CommandEntry{Command::process, "process", "Compress and encrypt files into containers",
                 kProcessHelp, describe_process},
    CommandEntry{Command::restore, "restore", "Give back the files that containers hold",
                 kRestoreHelp, describe_restore},
    CommandEntry{Command::verify, "verify", "Check every byte of containers, write nothing",
                 kVerifyHelp, describe_verify},
    CommandEntry{Command::rekey, "rekey", "Change which keys open a container", kRekeyHelp,
                 describe_rekey},
    CommandEntry{Command::cat, "cat", "Write a range of the plain bytes to stdout", kCatHelp,
                 describe_cat},
    CommandEntry{Command::info, "info", "Say what a container says of itself", kInfoHelp,
                 describe_info},
    CommandEntry{Command::keygen, "keygen", "Make a key file", kKeygenHelp, describe_keygen},
};

/// -1, -19 and so on.
bool is_number_option(std::string_view text) {
  return text.size() > 1 && text[0] == '-' &&
         std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

/// What someone who is used to other tools should write instead; empty if nothing is known.
std::string habit_hint(const std::string& option) {
  static const std::map<std::string, std::string> kHabits{
      {"-d", "use restore"},        {"--decompress", "use restore"}, {"--decrypt", "use restore"},
      {"-t", "use verify"},         {"--test", "use verify"},        {"--list", "use info"},
      {"-c", "use -o -"},           {"--stdout", "use -o -"},        {"-e", "use process"},
      {"--encrypt", "use process"}, {"--compress", "use process"},   {"-z", "use process"}};
  if (is_number_option(option)) return "use -l " + option.substr(1);
  const auto habit = kHabits.find(option);
  return habit == kHabits.end() ? std::string() : habit->second;
}

/// CLI11 takes -19 for a name; it is one only behind --.
std::optional<std::string> find_level_habit(const Options& options, int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const std::span before_dashes(arguments.begin(),
                                std::ranges::find(arguments, std::string_view("--")));
  for (const std::string& input : options.inputs)
    if (is_number_option(input) && std::ranges::count(before_dashes, input) > 0) return input;
  return std::nullopt;
}

[[noreturn]] void refuse(const std::string& argument, const std::string& help_command) {
  if (argument.size() < 2 || argument[0] != '-')
    throw Failure(ExitCode::usage,
                  "unknown command '" + argument + "'; see " + help_command + " --help");
  const std::string option = argument.substr(0, argument.find('='));  // a value may be a secret
  const std::string hint = habit_hint(option);
  throw Failure(ExitCode::usage, "unknown option " + option + ": " +
                                     (hint.empty() ? "see " + help_command + " --help" : hint));
}

Failure several_inputs(const std::string& command) {
  return {ExitCode::usage, command + " takes one file; several were given"};
}

void check_inputs(const Options& options, const std::string& command) {
  const bool takes_one = options.command == Command::rekey || options.command == Command::cat ||
                         options.command == Command::info;
  if (takes_one && options.inputs.size() > 1) throw several_inputs(command);
}

void check_rekey(const Options& options) {
  if (options.remove_all_slots && !options.remove_slots.empty())
    throw Failure(ExitCode::usage,
                  "--remove-all takes out every slot there is, so --remove N makes no sense with "
                  "it");
  if (options.inputs.front() == "-")
    throw Failure(ExitCode::usage, "stdin cannot be rekeyed: give the name of a file");
  if (!options.new_keys.any() && options.remove_slots.empty() && !options.remove_all_slots)
    throw Failure(ExitCode::usage,
                  "nothing to change: add a key with --add-key-file FILE, --add-recipient KEY or "
                  "--add-passphrase, or take one out with --remove N");
}

void check_kdf(const KeyOptions& keys) {
  if (!keys.kdf.empty() && !keys.ask_passphrase && keys.passphrase_file.empty())
    throw Failure(ExitCode::usage, "--kdf is about a new passphrase, and none is given");
}

void check_zstd(const Options& options) {
  if (options.cipher != "none")
    throw Failure(ExitCode::usage,
                  "a .zst file cannot be encrypted: leave out --cipher, or --container zstd");
  if (options.codec == "none")
    throw Failure(ExitCode::usage, "a .zst file is compressed, so --codec none makes no sense");
}

/// As zstd has it: --adapt, or --adapt=min=N,max=N, with one of them or both.
void read_adapt(Options& options) {
  if (options.adapt.empty()) return;
  if (options.codec == "none")
    throw Failure(ExitCode::usage, "--adapt is about compression, so --codec none makes no sense");
  int low = 1;
  int high = 12;
  std::istringstream fields(options.adapt == "true" ? "" : options.adapt);
  for (std::string field; std::getline(fields, field, ',');) {
    const bool is_max = field.starts_with("max=");
    const char* const end = field.data() + field.size();
    if ((!is_max && !field.starts_with("min=")) ||
        std::from_chars(field.data() + 4, end, is_max ? high : low) !=
            std::from_chars_result{end, std::errc()})
      throw Failure(ExitCode::usage, "give the levels as in --adapt=min=1,max=12");
  }
  options.level = low;
  options.highest_level = high;
}

void check_process(const Options& options) {
  if (options.container == "zstd") check_zstd(options);
  const bool encrypts = options.cipher != "none";
  if (encrypts && !options.keys.any())
    throw Failure(ExitCode::usage,
                  "no key: make one with `adapipe keygen -o FILE` and give it with -k FILE, or use "
                  "a passphrase with -p or a public key with -r, or say --cipher none to leave the "
                  "data unencrypted");
  if (!encrypts && options.keys.any())
    throw Failure(ExitCode::usage,
                  (options.container == "zstd" ? "--container zstd" : "--cipher none") +
                      std::string(" leaves the data unencrypted, so keys make no sense with it"));
}

void check_combination(Options& options) {
  read_adapt(options);
  check_kdf(options.keys);
  check_kdf(options.new_keys);
  if (options.command == Command::rekey) check_rekey(options);
  if (options.command == Command::process) check_process(options);
}

void describe(CLI::App& app, Options& options) {
  app.get_formatter()->column_width(28);
  app.get_formatter()->label("SUBCOMMAND", "COMMAND ...");
  app.set_help_flag("-h,--help", "Show this help");
  app.set_version_flag("--version", "adapipe " ADAPIPE_TOOL_VERSION, "Show the version");
  app.footer(kMainHelp);
  app.require_subcommand(0, 1);
  app.allow_extras();
  for (const CommandEntry& entry : kCommands) {
    CLI::App* command = app.add_subcommand(entry.name, entry.summary);
    command->group("Commands")->footer(entry.footer);
    command->allow_extras();
    entry.describe(*command, options);
    command->callback([&options, &entry] { options.command = entry.command; });
  }
}

/// As it was typed: "adapipe", or "adapipe restore".
std::string command_name(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? "adapipe" : "adapipe " + chosen.front()->get_name();
}

/// Without the double blank lines that CLI11 makes between groups.
std::string help_text(const CLI::App& app) {
  return CLI::detail::find_and_replace(app.help(), "\n\n\n", "\n\n");
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Compresses and encrypts files, in parallel, into containers that can be\n"
      "restored, verified and read at any place.\n",
      "adapipe");
  describe(app, options);
  // What follows "--" is an input, whatever it looks like; CLI11 sees to that only in part.
  char** const end = argv + argc;
  char** const divider =
      std::find_if(argv, end, [](std::string_view word) { return word == "--"; });
  const auto refuse_unknown = [&] {
    const std::vector<std::string> unknown = app.remaining(true);
    if (!unknown.empty()) refuse(unknown.front(), command_name(app));
  };
  try {
    app.parse(static_cast<int>(divider - argv), argv);
  } catch (const CLI::CallForHelp&) {
    print_output(help_text(app));
    return std::nullopt;
  } catch (const CLI::CallForVersion& e) {
    print_output(std::string(e.what()) + '\n');
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    refuse_unknown();  // its value may look like one input too many
    if (std::string_view(e.what()).starts_with("IN: ")) throw several_inputs(command_name(app));
    throw Failure(ExitCode::usage, e.what());
  }
  if (divider != end) options.inputs.insert(options.inputs.end(), divider + 1, end);
  refuse_unknown();
  if (app.get_subcommands().empty())
    throw Failure(ExitCode::usage, "no command; see adapipe --help");
  if (const auto level = find_level_habit(options, argc, argv)) refuse(*level, command_name(app));
  if (options.inputs.empty()) options.inputs.emplace_back("-");
  if (options.cipher.empty()) options.cipher = options.container == "zstd" ? "none" : "aes-256-gcm";
  check_inputs(options, command_name(app));
  check_combination(options);
  return options;
}

}  // namespace tool
