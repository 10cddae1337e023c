#include "io/posix.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

/// Linux moves at most this much in one call.
constexpr std::size_t kMaxTransferBytes = 0x7ffff000;

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept
    : value_(std::exchange(other.value_, -1)), is_owned_(other.is_owned_) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    value_ = std::exchange(other.value_, -1);
    is_owned_ = other.is_owned_;
  }
  return *this;
}

int Descriptor::close() noexcept {
  const int value = std::exchange(value_, -1);
  if (value < 0 || !is_owned_ || ::close(value) == 0) return 0;
  return errno == EINTR ? 0 : errno;  // Linux has closed it even when interrupted
}

Error os_error(std::string message, int error_number, const std::string& file) {
  const std::error_code cause(error_number, std::system_category());
  if (error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM)
    return Error(errc::resource_exhausted, message + ": " + cause.message()).in_file(file);
  return Error(errc::io_error, std::move(message)).in_file(file).caused_by(cause);
}

Descriptor open_descriptor(const std::filesystem::path& path, int flags, mode_t mode) noexcept {
  int value = -1;
  do {
    value = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (value < 0 && errno == EINTR);
  return Descriptor::owned(value);
}

struct stat status_of(int descriptor, const std::string& file) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw os_error("cannot open", errno, file);
  return status;
}

std::optional<FileId> file_id_of(const struct stat& status) noexcept {
  if (S_ISCHR(status.st_mode) || S_ISSOCK(status.st_mode)) return std::nullopt;
  return FileId{.device = status.st_dev, .inode = status.st_ino};
}

FileVersion file_version_of(const struct stat& status) noexcept {
  constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
  // Files have times beyond the year 2262; here these wrap, which still tells them apart.
  const auto seconds = static_cast<std::uint64_t>(status.st_mtim.tv_sec);
  const auto ns = static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  return {.id = {.device = status.st_dev, .inode = status.st_ino},
          .size_bytes = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = static_cast<std::int64_t>(seconds * kNsPerSecond + ns)};
}

bool is_in_memory(int descriptor) noexcept {
  struct statfs status {};
  return ::fstatfs(descriptor, &status) == 0 &&
         (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

std::optional<int> standard_descriptor(const std::filesystem::path& path) {
  const std::string_view text = path.native();
  if (text == "/dev/stdin") return 0;
  if (text == "/dev/stdout") return 1;
  if (text == "/dev/stderr") return 2;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!text.starts_with(folder)) continue;
    const std::string_view digits = text.substr(folder.size());
    const char* const end = digits.data() + digits.size();
    int value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error == std::errc{} && stop == end && value >= 0) return value;
  }
  return std::nullopt;
}

std::size_t read_fully_at(int descriptor, std::uint64_t offset_bytes, std::span<std::byte> to,
                          const std::string& file) {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got =
        ::pread(descriptor, to.data() + done, std::min(to.size() - done, kMaxTransferBytes),
                static_cast<off_t>(offset_bytes + done));
    if (got == 0) break;
    if (got > 0)
      done += static_cast<std::size_t>(got);
    else if (errno != EINTR)
      throw os_error("cannot read", errno, file).at_offset(offset_bytes + done);
  }
  return done;
}

void write_fully_at(int descriptor, std::uint64_t offset_bytes, std::span<const std::byte> bytes,
                    const std::string& file) {
  while (!bytes.empty()) {
    const ssize_t put =
        ::pwrite(descriptor, bytes.data(), std::min(bytes.size(), kMaxTransferBytes),
                 static_cast<off_t>(offset_bytes));
    if (put >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(put));
      offset_bytes += static_cast<std::uint64_t>(put);
    } else if (errno != EINTR) {
      throw os_error("cannot write", errno, file).at_offset(offset_bytes);
    }
  }
}

void sync_to_disk(int descriptor, const char* message, const std::string& file) {
  int result = 0;
  do {
    result = ::fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EINVAL && errno != ENOTSUP) throw os_error(message, errno, file);
}

}  // namespace adapipe::inline v0_1
