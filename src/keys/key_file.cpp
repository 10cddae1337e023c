#include <fcntl.h>
#include <unistd.h>

#include <adapipe/error.hpp>
#include <adapipe/keys.hpp>
#include <algorithm>
#include <cerrno>
#include <string_view>

#include "io/posix.hpp"
#include "keys/secret.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::size_t kHexDigits = 2 * SharedKey::kBytes;

/// Reads to the end of the file or of `to`.
std::size_t read_some(int fd, std::span<std::byte> to, const std::filesystem::path& path) {
  std::size_t filled = 0;
  while (filled < to.size()) {
    const ssize_t got = ::read(fd, to.data() + filled, to.size() - filled);
    if (got == 0) break;
    if (got > 0) filled += static_cast<std::size_t>(got);
    if (got < 0 && errno != EINTR) throw os_error("cannot read the key file", errno, path.native());
  }
  return filled;
}

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

/// Never what is there already, nor what a link there points to.
Descriptor create_new(const std::filesystem::path& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Descriptor file = Descriptor::owned(::open(path.c_str(), kFlags, 0600));
  if (file) return file;
  const int error_number = errno;
  if (error_number != EEXIST)
    throw os_error("cannot create the key file", error_number, path.native());
  throw Error(errc::already_exists, "key files are never overwritten")
      .in_file(path.native())
      .caused_by({error_number, std::system_category()});
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
  const Descriptor file = open_descriptor(path, O_RDONLY);
  if (!file) throw os_error("cannot open the key file", errno, path.native());
  SecretArray<kHexDigits + 3> buffer;  // the longest form and one byte too many
  const auto content = buffer.bytes().first(read_some(file.get(), buffer.bytes(), path));
  SharedKey key;
  if (content.size() == kBytes) {
    std::ranges::copy(content, key.bytes_.begin());
  } else if (!has_hex_length(content) || !decode_hex(content, key.bytes_)) {
    throw Error(errc::invalid_argument, "a key file holds 32 bytes or 64 hex digits, this does not")
        .in_file(path.native());
  }
  return key;
}

void SharedKey::save(const std::filesystem::path& path) const {
  static constexpr char kDigits[] = "0123456789abcdef";
  SecretArray<kHexDigits + 1> text;
  for (std::size_t i = 0; i < kBytes; ++i) {
    const auto value = std::to_integer<unsigned>(bytes_[i]);
    text.bytes()[2 * i] = static_cast<std::byte>(kDigits[value >> 4]);
    text.bytes()[2 * i + 1] = static_cast<std::byte>(kDigits[value & 15]);
  }
  text.bytes()[kHexDigits] = static_cast<std::byte>('\n');

  Descriptor file = create_new(path);
  try {
    write_fully_at(file.get(), 0, text.bytes(), path.native());
    if (::fsync(file.get()) != 0) throw os_error("cannot write the key file", errno, path.native());
    if (const int error_number = file.close(); error_number != 0)
      throw os_error("cannot write the key file", error_number, path.native());
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

}  // namespace adapipe::inline v0_1
