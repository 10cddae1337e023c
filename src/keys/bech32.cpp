#include "keys/bech32.hpp"

#include <array>
#include <cstdint>

namespace adapipe::inline v0_1 {
namespace {

constexpr std::string_view kDigits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t kChecksumDigits = 6;
constexpr std::size_t kMaxCharacters = 90;

constexpr std::size_t digits_for(std::size_t bytes) noexcept { return (bytes * 8 + 4) / 5; }

char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

/// The remainder of the digits so far, by the generator polynomial of BIP 173.
class Checksum {
 public:
  explicit Checksum(std::string_view prefix) noexcept {
    for (const char c : prefix) add(static_cast<std::uint32_t>(c) >> 5);
    add(0);
    for (const char c : prefix) add(static_cast<std::uint32_t>(c) & 31);
  }
  void add(std::uint32_t digit) noexcept {
    static constexpr std::array<std::uint32_t, 5> kGenerator{0x3B6A57B2, 0x26508E6D, 0x1EA119FA,
                                                             0x3D4233DD, 0x2A1462B3};
    const std::uint32_t top = value_ >> 25;
    value_ = (value_ & 0x1FFFFFF) << 5 ^ digit;
    for (std::size_t bit = 0; bit < kGenerator.size(); ++bit)
      if ((top >> bit & 1) != 0) value_ ^= kGenerator[bit];
  }
  std::uint32_t value() const noexcept { return value_; }

 private:
  std::uint32_t value_ = 1;
};

/// All letters small, or all capitals.
bool is_one_case(std::string_view text) noexcept {
  bool small = false;
  bool capital = false;
  for (const char c : text) {
    small |= c >= 'a' && c <= 'z';
    capital |= c >= 'A' && c <= 'Z';
  }
  return !(small && capital);
}

bool starts_with_prefix(std::string_view text, std::string_view prefix) noexcept {
  if (text.size() < prefix.size() + 1 || text[prefix.size()] != '1') return false;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    if (to_lower(text[i]) != prefix[i]) return false;
  return true;
}

}  // namespace

SecretBytes bech32_encode(std::string_view prefix, ByteSpan data) {
  SecretBytes text(prefix.size() + 1 + digits_for(data.size()) + kChecksumDigits);
  std::size_t size = 0;
  const auto put = [&](char c) { text.bytes()[size++] = static_cast<std::byte>(c); };
  for (const char c : prefix) put(c);
  put('1');

  Checksum checksum(prefix);
  const auto put_digit = [&](std::uint32_t digit) {
    checksum.add(digit);
    put(kDigits[digit]);
  };
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const std::byte b : data) {
    bits = (bits << 8 | std::to_integer<std::uint32_t>(b)) & 0xFFF;
    for (held += 8; held >= 5; held -= 5) put_digit(bits >> (held - 5) & 31);
  }
  if (held > 0) put_digit(bits << (5 - held) & 31);

  Checksum closed = checksum;
  for (std::size_t i = 0; i < kChecksumDigits; ++i) closed.add(0);
  const std::uint32_t remainder = closed.value() ^ 1;
  for (unsigned i = 0; i < kChecksumDigits; ++i) put(kDigits[remainder >> (25 - 5 * i) & 31]);
  return text;
}

bool bech32_decode(std::string_view prefix, std::string_view text,
                   std::span<std::byte> data) noexcept {
  if (text.size() > kMaxCharacters || !is_one_case(text) || !starts_with_prefix(text, prefix) ||
      text.size() != prefix.size() + 1 + digits_for(data.size()) + kChecksumDigits)
    return false;
  Checksum checksum(prefix);
  std::uint32_t bits = 0;
  unsigned held = 0;
  std::size_t filled = 0;
  for (std::size_t i = prefix.size() + 1; i < text.size(); ++i) {
    const std::size_t digit = kDigits.find(to_lower(text[i]));
    if (digit == std::string_view::npos) return false;
    checksum.add(static_cast<std::uint32_t>(digit));
    if (i >= text.size() - kChecksumDigits) continue;
    bits = (bits << 5 | static_cast<std::uint32_t>(digit)) & 0xFFF;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    data[filled++] = static_cast<std::byte>(bits >> held & 0xFF);
  }
  const bool rest_is_zero = (bits & ((1u << held) - 1)) == 0;
  return rest_is_zero && checksum.value() == 1;
}

}  // namespace adapipe::inline v0_1
