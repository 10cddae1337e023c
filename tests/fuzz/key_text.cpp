// Texts that hold keys: whatever is read is what the text says, by a second reading of it.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>

#include "fuzz/support.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

/// A file without a name in any folder.
class MemoryFile {
 public:
  explicit MemoryFile(ByteSpan content) : descriptor_(::memfd_create("key", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "the harness has a file");
    const ssize_t written = ::write(descriptor_, content.data(), content.size());
    require(written == static_cast<ssize_t>(content.size()), "the harness fills its file");
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// The 32 bytes that a key file with this content stands for; empty if it is none.
Bytes expected_key(ByteSpan content) {
  if (content.size() == SharedKey::kBytes) return {content.begin(), content.end()};
  std::string_view digits = as_text(content);
  if (digits.ends_with("\r\n"))
    digits.remove_suffix(2);
  else if (digits.ends_with('\n'))
    digits.remove_suffix(1);
  const bool is_hex = digits.find_first_not_of("0123456789abcdefABCDEF") == digits.npos;
  return is_hex && digits.size() == 2 * SharedKey::kBytes ? from_hex(digits) : Bytes();
}

void check_key_file(ByteSpan content) {
  const MemoryFile file(content);
  Bytes key;
  refused({errc::invalid_argument}, [&] {
    const SharedKey loaded = SharedKey::load(file.path());
    key.assign(loaded.bytes().begin(), loaded.bytes().end());
  });
  require(key == expected_key(content), "a key file gives the key that is in it, or none");
}

std::string in_small_letters(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

void check_public_key(ByteSpan content) {
  std::string text;
  if (refused({errc::invalid_argument},
              [&] { text = X25519PublicKey::parse(as_text(content)).text(); }))
    return;
  require(text == in_small_letters(as_text(content)), "a public key is written as it was read");
}

/// A file that is accepted has one line that is a private key, and stands for that one.
void check_identity_file(ByteSpan content) {
  const MemoryFile file(content);
  std::string public_key;
  if (refused({errc::invalid_argument},
              [&] { public_key = X25519Identity::load(file.path()).recipient().text(); }))
    return;
  int keys = 0;
  std::istringstream lines{std::string(as_text(content))};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') continue;
    line = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
    require(X25519Identity::parse(line).recipient().text() == public_key,
            "an identity file stands for the key that is in it");
    ++keys;
  }
  require(keys == 1, "an identity file holds one key");
}

/// By the first byte of an input: one for each kind of text.
constexpr void (*kChecks[])(ByteSpan) = {check_key_file, check_public_key, check_identity_file};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  kChecks[data[0] % std::size(kChecks)](std::as_bytes(std::span(data, size)).subspan(1));
  return 0;
}
