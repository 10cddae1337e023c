#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "text.hpp"

namespace tool {
namespace {

constexpr std::size_t kColumns = 79;

double ratio(std::uint64_t plain_bytes, std::uint64_t stored_bytes) {
  return static_cast<double>(plain_bytes) / static_cast<double>(stored_bytes);
}

std::string format_clock(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string format_time(std::chrono::nanoseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return seconds < 0.9995 ? fmt::format("{:.0f} ms", seconds * 1000)
                          : fmt::format("{:.1f} s", seconds);
}

/// Percent and time left if the size is known, else bytes and time so far.
std::string describe(const adapipe::Progress& p) {
  const double seconds = std::chrono::duration<double>(p.elapsed).count();
  const auto done = static_cast<double>(p.bytes_done);
  std::string text;
  if (p.bytes_total.value_or(0) > 0)
    text = fmt::format("{:3.0f}%  ", 100 * done / static_cast<double>(*p.bytes_total));
  text += fmt::format("{}  {}", format_bytes(p.bytes_done), format_rate(p.bytes_done, p.elapsed));
  if (p.stored_bytes > 0 && p.bytes_done > 0 && p.stored_bytes != p.bytes_done)
    text += fmt::format("  ratio {:.2f}", ratio(p.bytes_done, p.stored_bytes));
  if (p.bytes_total && p.bytes_done > 0) {
    const auto left = static_cast<double>(*p.bytes_total) - done;
    return text + "  ETA " + format_clock(std::max(0.0, left * seconds / done));
  }
  return text + "  " + format_clock(seconds);
}

}  // namespace

void ProgressLine::clear() {
  if (shown_columns_ > 0) write_stderr("\r" + std::string(shown_columns_, ' ') + "\r");
  shown_columns_ = 0;
}

void ProgressLine::show(const std::string& name, const adapipe::Progress& progress) {
  const std::string shown = printable(name);
  const std::string numbers = describe(progress);
  // The numbers matter more than a long name.
  const bool fits = shown.size() + 2 + numbers.size() <= kColumns;
  print((fits ? shown + ": " + numbers : numbers).substr(0, kColumns));
}

void ProgressLine::print(const std::string& line) {
  const std::size_t left_over = shown_columns_ > line.size() ? shown_columns_ - line.size() : 0;
  write_stderr("\r" + line + std::string(left_over, ' '));
  shown_columns_ = std::max(shown_columns_, line.size());
}

bool wants_progress(const Options& options) {
  return !options.quiet && ::isatty(STDERR_FILENO) == 1;
}

void print_summary(Command command, const std::string& name, const adapipe::Report& report) {
  if (command == Command::rekey) {
    print_error(fmt::format("{}: rekeyed, {} in {}", name, format_bytes(report.output_bytes),
                            format_time(report.wall)));
    return;
  }
  const bool forward = command == Command::process;
  const std::uint64_t plain = forward ? report.input_bytes : report.output_bytes;
  const std::uint64_t stored = forward ? report.output_bytes : report.input_bytes;
  const std::string from = format_bytes(report.input_bytes);
  std::string line = name + ": ";
  if (command == Command::verify)
    line += fmt::format("good, {} holding {} in {} {}", from, format_bytes(plain), report.chunks,
                        report.chunks == 1 ? "chunk" : "chunks");
  else
    line += from + " to " + format_bytes(report.output_bytes);
  if (!forward && !report.slot_type) line += ", not encrypted";
  if (plain > 0) line += fmt::format(", ratio {:.2f}", ratio(plain, stored));
  print_error(line + ", " + format_time(report.wall) + ", " + format_rate(plain, report.wall));
}

void print_checksum(const std::string& input, const adapipe::Report& report) {
  std::string name;
  for (const char c : input) {
    if (c == '\\')
      name += "\\\\";
    else if (c == '\n')
      name += "\\n";
    else if (c == '\r')
      name += "\\r";
    else
      name += c;
  }
  std::string line = name == input ? "" : "\\";
  for (const std::byte byte : report.stages.at(0).digest.value())
    line += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  write_stderr(line + "  " + name + "\n");
}

}  // namespace tool
