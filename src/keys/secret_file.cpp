#include "keys/secret_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <adapipe/error.hpp>
#include <cerrno>
#include <utility>

#include "io/partial_file.hpp"
#include "io/posix.hpp"

namespace adapipe::inline v0_1 {
namespace {

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

}  // namespace

SecretBytes read_secret_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor file = open_descriptor(path, O_RDONLY);
  if (!file) throw os_error("cannot open the key file", errno, path.native());
  SecretBytes buffer(max_bytes + 1);
  const std::size_t size = read_some(file.get(), buffer.bytes(), path);
  if (size > max_bytes)
    throw Error(errc::invalid_argument, "this is too long to be a key file").in_file(path.native());
  return SecretBytes(std::as_const(buffer).bytes().first(size));
}

void create_secret_file(const std::filesystem::path& path, ByteSpan content) {
  try {
    PartialFile file(path, {.permissions = std::filesystem::perms(0600)}, path.native());
    write_fully_at(file.descriptor(), 0, content, path.native());
    file.publish();
  } catch (const Error& e) {
    if (e.kind() != errc::already_exists) throw;
    throw Error(errc::already_exists, "key files are never overwritten")
        .in_file(path.native())
        .caused_by(e.cause());
  }
}

}  // namespace adapipe::inline v0_1
