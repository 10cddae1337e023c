#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tool {

/// Bytes of a size as people write it: 4096, 256K, 4M, 1G, also KiB, MiB, GiB; 1K is 1024.
/// Throws std::invalid_argument with a sentence for anything else.
std::uint64_t parse_size(std::string_view text);

/// Bytes per second: a size, with or without "/s" behind it. Throws as parse_size().
std::uint64_t parse_rate(std::string_view text);

/// "412 MB", "1.30 GB": three digits or more, decimal units.
std::string format_bytes(std::uint64_t bytes);

/// "619 MB/s".
std::string format_rate(std::uint64_t bytes, std::chrono::nanoseconds time);

/// Without spaces, tabs and line ends around it.
std::string_view trimmed(std::string_view text) noexcept;

/// Whether it begins as the private key of an identity does; also one with a typo, which is a
/// secret nevertheless.
bool looks_private(std::string_view text) noexcept;

/// `text` with control characters, also those of terminals, spelled out: names and metadata may
/// come from a hostile file, and a message is one line.
std::string printable(std::string_view text);

/// A JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

/// If nobody reads it any more: stop_for(SIGPIPE).
void write_stderr(const std::string& text) noexcept;

/// `adapipe: MESSAGE` on stderr, without the keys that someone has typed in a wrong place.
void print_error(std::string_view message) noexcept;

/// Writes all of `text` to stdout. Throws Error.
void print_output(std::string_view text);

}  // namespace tool
