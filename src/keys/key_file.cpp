#include <adapipe/error.hpp>
#include <adapipe/keys.hpp>
#include <string_view>

#include "keys/secret_file.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::size_t kHexDigits = 2 * SharedKey::kBytes;
constexpr std::size_t kMaxFileBytes = kHexDigits + 2;  // "\r\n"

int hex_value(std::byte digit) noexcept {
  const char c = static_cast<char>(digit);
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decode_hex(std::span<const std::byte> text, std::span<std::byte> out) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::byte>(high << 4 | low);
  }
  return true;
}

/// kHexDigits characters, then nothing, "\n" or "\r\n".
bool has_hex_length(std::span<const std::byte> text) noexcept {
  if (text.size() < kHexDigits) return false;
  const auto end = text.subspan(kHexDigits);
  const std::string_view tail(reinterpret_cast<const char*>(end.data()), end.size());
  return tail.empty() || tail == "\n" || tail == "\r\n";
}

}  // namespace

SharedKey SharedKey::load(const std::filesystem::path& path) {
  const SecretBytes file = read_secret_file(path, kMaxFileBytes);
  const std::span<const std::byte> content = file.bytes();
  if (content.size() == kBytes) return from_bytes(content.first<kBytes>());
  SecretArray<kBytes> decoded;
  if (!has_hex_length(content) || !decode_hex(content, decoded.bytes()))
    throw Error(errc::invalid_argument, "a key file holds 32 bytes or 64 hex digits, this does not")
        .in_file(path.native());
  return from_bytes(decoded.bytes());
}

void SharedKey::save(const std::filesystem::path& path) const {
  static constexpr char kDigits[] = "0123456789abcdef";
  SecretArray<kHexDigits + 1> text;
  for (std::size_t i = 0; i < kBytes; ++i) {
    const auto value = std::to_integer<unsigned>(bytes()[i]);
    text.bytes()[2 * i] = static_cast<std::byte>(kDigits[value >> 4]);
    text.bytes()[2 * i + 1] = static_cast<std::byte>(kDigits[value & 15]);
  }
  text.bytes()[kHexDigits] = static_cast<std::byte>('\n');
  create_secret_file(path, text.bytes());
}

}  // namespace adapipe::inline v0_1
