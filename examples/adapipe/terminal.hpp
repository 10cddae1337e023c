#pragma once

#include <array>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>

namespace tool {

/// A line of secret text, wiped on destruction. It never grows, so no copy is left behind.
class Secret {
 public:
  static constexpr std::size_t kMaxBytes = 4096;

  Secret() = default;
  ~Secret();
  Secret(const Secret&) = delete;

  std::string_view text() const noexcept { return {text_.data(), size_}; }
  /// false if it is full.
  bool append(char c) noexcept;
  void clear() noexcept;

 private:
  std::array<char, kMaxBytes> text_{};
  std::size_t size_ = 0;
};

/// Reads `file` up to the first newline into `secret`. Throws Failure.
void read_secret_file(const std::string& file, Secret& secret);

/// Asks on the terminal, whatever stdin and stdout are, without showing what is typed. Throws
/// Failure if there is no terminal or nothing was entered, Error(cancelled) when stopped.
void ask_secret(const std::string& prompt, const std::stop_token& stop, Secret& secret);

/// Whether there is someone to ask.
bool has_terminal();

}  // namespace tool
