#include "text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <adapipe/error.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "signals.hpp"

namespace tool {
namespace {

constexpr std::string_view kPrivatePrefix = "adp-secret-key-";

int unit_shift(std::string_view unit) {
  if (unit.empty() || unit == "B") return 0;
  if (unit == "K" || unit == "k" || unit == "KiB") return 10;
  if (unit == "M" || unit == "MiB") return 20;
  if (unit == "G" || unit == "GiB") return 30;
  if (unit == "T" || unit == "TiB") return 40;
  return -1;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Bytes of the UTF-8 character at the front of `text`; 0 if there is no well-formed one.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!is_continuation(text[i])) return 0;
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool out_of_range = (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
  return overlong || out_of_range ? 0 : length;
}

/// ASCII controls, and the C1 controls that some terminals obey.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

/// Of the text of a key at the front of `text`: a private one, or 64 hex digits and more; else 0.
std::size_t key_length(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  constexpr std::size_t kHexDigits = 64;
  const auto is_letter_or_digit = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c));
  };
  if (looks_private(text)) {
    const auto rest = text.substr(kPrivatePrefix.size());
    return text.size() - static_cast<std::size_t>(
                             rest.end() - std::ranges::find_if_not(rest, is_letter_or_digit));
  }
  const std::size_t digits = std::min(text.find_first_not_of(kHex), text.size());
  return digits >= kHexDigits ? digits : 0;
}

std::string without_keys(std::string_view word) {
  std::string out;
  while (!word.empty()) {
    const std::size_t length = key_length(word);
    length > 0 ? out += "(a key)" : out += word.front();
    word.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

/// What was typed in a wrong place comes back in many a message, and may be a key. The name of a
/// file that is there is none, though it looks like one.
std::string without_typed_keys(std::string_view message) {
  std::string out;
  while (!message.empty()) {
    const std::size_t end = std::min(message.find(' '), message.size());
    const std::string word(message.substr(0, end));
    const std::string name = word.ends_with(':') ? word.substr(0, word.size() - 1) : word;
    out += ::access(name.c_str(), F_OK) == 0 ? word : without_keys(word);
    const std::size_t next = std::min(end + 1, message.size());
    out += message.substr(end, next - end);
    message.remove_prefix(next);
  }
  return out;
}

}  // namespace

bool looks_private(std::string_view text) noexcept {
  return std::ranges::equal(text.substr(0, kPrivatePrefix.size()), kPrivatePrefix, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

std::uint64_t parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const int shift = unit_shift(text.substr(static_cast<std::size_t>(end - text.data())));
  if (error == std::errc::invalid_argument || shift < 0)
    throw std::invalid_argument(
        fmt::format("'{}' is not a size, which reads like 65536, 256K or 4MiB", text));
  if (error != std::errc() || number > (std::numeric_limits<std::uint64_t>::max() >> shift))
    throw std::invalid_argument(fmt::format("'{}' is too large", text));
  return number << shift;
}

std::uint64_t parse_rate(std::string_view text) {
  constexpr std::string_view kPerSecond = "/s";
  const bool says_so = text.ends_with(kPerSecond);
  return parse_size(says_so ? text.substr(0, text.size() - kPerSecond.size()) : text);
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits{"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

std::string format_rate(std::uint64_t bytes, std::chrono::nanoseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  if (seconds <= 0) return "0 MB/s";
  const double rate = static_cast<double>(bytes) / seconds / 1e6;
  return fmt::format("{:.{}f} MB/s", rate, rate < 9.95 ? 1 : 0);
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kSpaces = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    if (length == 0 || is_control(character)) {
      for (const char c : character) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    if (length == 0) {
      out += "\\ufffd";
    } else if (character == "\"" || character == "\\") {
      out += '\\';
      out += character;
    } else if (is_control(character)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(character.back()));
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out + '"';
}

void write_stderr(const std::string& text) noexcept {
  if (std::fputs(text.c_str(), stderr) < 0 && errno == EPIPE) stop_for(SIGPIPE);
}

void print_error(std::string_view message) noexcept {
  write_stderr("adapipe: " + printable(without_typed_keys(message)) + '\n');
}

void print_output(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      throw adapipe::Error(adapipe::errc::io_error, "cannot write")
          .in_file("stdout")
          .caused_by(std::error_code(errno, std::generic_category()));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace tool
