#include "endpoints.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "exit_code.hpp"

namespace tool {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".adapipe";
constexpr std::string_view kZstdSuffix = ".zst";

std::optional<struct stat> status(const std::string& input) {
  struct stat found {};
  const int result =
      is_stream(input) ? ::fstat(STDIN_FILENO, &found) : ::stat(input.c_str(), &found);
  return result == 0 ? std::optional(found) : std::nullopt;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return path.ends_with('/') || fs::is_directory(path, ignored);
}

std::string restored_name(const std::string& input) {
  const std::string name = fs::path(input).filename();
  for (const std::string_view suffix : {kSuffix, kZstdSuffix})
    if (name.ends_with(suffix) && name.size() > suffix.size())
      return input.substr(0, input.size() - suffix.size());
  throw Failure(ExitCode::usage, input +
                                     ": does not end in .adapipe or .zst, so say with -o FILE "
                                     "where it should go");
}

/// That a new file gets in its folder: of a folder with the setgid bit, the folder's.
gid_t new_group(const std::string& output) {
  const fs::path file = resolved(output);
  struct stat folder {};
  const bool gives_its_own =
      ::stat(file.parent_path().c_str(), &folder) == 0 && (folder.st_mode & S_ISGID) != 0;
  return gives_its_own ? folder.st_gid : ::getegid();
}

/// Those of the input. Where its group is not that of the new file, that one gets no more than
/// everyone.
mode_t kept_permissions(const struct stat& input, const std::string& output) {
  const mode_t mode = input.st_mode & 0777;
  if (input.st_gid == new_group(output)) return mode;
  return (mode & ~mode_t{0070}) | (mode & ((mode & 0007) << 3));
}

}  // namespace

bool is_stream(const std::string& name) { return name == "-"; }

std::string input_name(const std::string& input) { return is_stream(input) ? "stdin" : input; }

std::string output_name(const std::string& output) { return is_stream(output) ? "stdout" : output; }

bool is_regular_file(const std::string& input) {
  const auto found = status(input);
  return found && S_ISREG(found->st_mode);
}

std::filesystem::path resolved(const std::string& name) {
  std::error_code ignored;
  return fs::weakly_canonical(fs::absolute(name, ignored), ignored);
}

bool is_same_file(const std::string& one, const std::string& other) {
  const auto found_one = status(one);
  const auto found_other = status(other);
  if (found_one && found_other)
    return found_one->st_dev == found_other->st_dev && found_one->st_ino == found_other->st_ino;
  return !is_stream(one) && !is_stream(other) && resolved(one) == resolved(other);
}

void refuse_folder(const std::string& input) {
  const auto found = status(input);
  if (found && S_ISDIR(found->st_mode))
    throw Failure(ExitCode::no_input, input_name(input) +
                                          ": is a directory; pipe tar, as in `tar -c DIR | adapipe "
                                          "process ... -o DIR.tar.adapipe`");
}

adapipe::Source open_source(const std::string& input) {
  if (!is_stream(input)) return adapipe::Source::file(input);
  auto stdin_source = adapipe::Source::fd(STDIN_FILENO, input_name(input));
  // A file on stdin is read from where it stands: something before us may have taken its beginning.
  const auto found = status(input);
  const off_t begin = ::lseek(STDIN_FILENO, 0, SEEK_CUR);
  if (!found || !S_ISREG(found->st_mode) || begin <= 0) return stdin_source;
  const auto offset = static_cast<std::uint64_t>(std::min(begin, found->st_size));
  return adapipe::Source::slice(std::move(stdin_source), offset,
                                static_cast<std::uint64_t>(found->st_size) - offset);
}

namespace {

adapipe::Sink open_file_sink(const std::string& output, const std::string& input,
                             adapipe::FileSinkOptions options) {
  const auto found = status(input);
  if (found && S_ISREG(found->st_mode))
    options.permissions = fs::perms(kept_permissions(*found, output));
  return adapipe::Sink::file(output, options);
}

}  // namespace

adapipe::Sink open_sink(const std::string& output, const std::string& input, bool overwrite) {
  if (is_stream(output)) return adapipe::Sink::fd(STDOUT_FILENO, output_name(output));
  return open_file_sink(output, input, {.overwrite = overwrite});
}

adapipe::Sink open_sink_in_place(const std::string& input) {
  return open_file_sink(input, input, {.replaces_input = true});
}

void check_output(const Options& options) {
  const bool to_folder = options.output && is_folder(*options.output);
  if (options.inputs.size() > 1 && options.output && !to_folder)
    throw Failure(ExitCode::usage, *options.output +
                                       ": is not a folder, and there are several inputs; use -o "
                                       "DIR/");
  if ((options.inputs.size() > 1 || to_folder) && std::ranges::any_of(options.inputs, is_stream))
    throw Failure(ExitCode::usage, "stdin has no name to give an output; use -o FILE for it alone");
  const bool by_default = !options.output && is_stream(options.inputs.front());
  if (options.command == Command::process && by_default && ::isatty(STDOUT_FILENO) == 1)
    throw Failure(ExitCode::usage,
                  "stdout is a terminal, where a container is of no use; give -o FILE, or -o - if "
                  "you mean it");
}

std::string output_for(const Options& options, const std::string& input) {
  const bool to_folder = options.output && is_folder(*options.output);
  if (options.output && !to_folder) return *options.output;
  if (is_stream(input)) return "-";
  std::string name = input;
  if (options.command == Command::process)
    name += options.container == "zstd" ? kZstdSuffix : kSuffix;
  if (options.command == Command::restore) name = restored_name(input);
  return to_folder ? fs::path(*options.output) / fs::path(name).filename() : fs::path(name);
}

}  // namespace tool
