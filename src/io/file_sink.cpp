#include "io/file_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "io/fd_sink.hpp"
#include "io/partial_file.hpp"
#include "io/posix.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr int kMaxLinks = 40;

class FileSink final : public PositionalSinkImpl {
 public:
  FileSink(const std::filesystem::path& target, const FileSinkOptions& options,
           std::optional<std::uint64_t> total_bytes, std::optional<FileVersion> replaced,
           std::string name)
      : name_(std::move(name)), replaced_(replaced), file_(target, options, name_) {
    if (total_bytes) preallocate(*total_bytes);
  }

  void write_at(std::uint64_t offset_bytes, std::span<const std::byte> bytes) override {
    write_fully_at(file_.descriptor(), offset_bytes, bytes, name_);
  }
  void commit() override {
    try {
      file_.publish(replaced_);
    } catch (...) {
      file_.remove();
      throw;
    }
  }
  void abandon() noexcept override { file_.remove(); }
  void sync() override { file_.sync(); }
  bool may_wait() const noexcept override { return false; }
  /// The kernel writes to a file under the inode's lock, and spins for it.
  std::size_t max_concurrent_writes() const noexcept override { return 1; }
  bool holes_are_zeros() const noexcept override { return true; }
  std::string name() const override { return name_; }

 private:
  /// Finds out early that the disk is too full. In memory, pages made one by one here would be
  /// made in parallel by the writes.
  void preallocate(std::uint64_t bytes) {
    if (bytes == 0 || is_in_memory(file_.descriptor())) return;
    int error_number = EFBIG;
    if (bytes <= static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
      do {
        error_number =
            ::fallocate(file_.descriptor(), 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
      } while (error_number == EINTR);
    }
    if (error_number != 0 && error_number != EOPNOTSUPP && error_number != ENOSYS)
      throw os_error("cannot reserve " + std::to_string(bytes) + " bytes", error_number, name_);
  }

  std::string name_;
  std::optional<FileVersion> replaced_;  // the input, if it is in its place
  PartialFile file_;
};

/// As the kernel does where fs.protected_symlinks is set: in a folder that all may write, such as
/// /tmp, no link is followed that somebody else may have put there for us.
void refuse_planted_link(const std::filesystem::path& link, const std::string& name) {
  const std::filesystem::path folder = link.has_parent_path() ? link.parent_path() : ".";
  struct stat of_link {};
  struct stat of_folder {};
  if (::lstat(link.c_str(), &of_link) != 0 || ::stat(folder.c_str(), &of_folder) != 0) return;
  const mode_t shared = S_ISVTX | S_IWOTH;
  if ((of_folder.st_mode & shared) == shared && of_link.st_uid != ::geteuid() &&
      of_link.st_uid != of_folder.st_uid)
    throw os_error("another user's link in a folder that all may write is not followed", EACCES,
                   name);
}

/// The path that a chain of symbolic links leads to, whether or not there is a file.
std::filesystem::path follow_links(std::filesystem::path path, const std::string& name) {
  for (int links = 0; links < kMaxLinks && !standard_descriptor(path); ++links) {
    std::error_code error;
    const std::filesystem::path next = std::filesystem::read_symlink(path, error);
    if (error) break;  // not a link
    refuse_planted_link(path, name);
    path = path.parent_path() / next;
  }
  return path;
}

std::unique_ptr<SinkImpl> open_in_place(const struct stat& status, const std::string& name) {
  if (S_ISFIFO(status.st_mode)) return std::make_unique<FdSink>(name);
  Descriptor descriptor = open_descriptor(name, O_WRONLY | O_NOCTTY | O_NONBLOCK);
  if (!descriptor) throw os_error("cannot open", errno, name);
  return std::make_unique<FdSink>(std::move(descriptor), name);
}

}  // namespace

std::unique_ptr<SinkImpl> open_file_sink(const std::filesystem::path& path,
                                         const FileSinkOptions& options, const SinkHints& hints) {
  const std::string name = path.string();
  const std::filesystem::path target = follow_links(path, name);
  if (const auto descriptor = standard_descriptor(target)) {
    std::unique_ptr<SinkImpl> sink = open_descriptor_sink(*descriptor, name, hints);
    if (options.replaces_input) throw target_changed(name);
    return sink;
  }
  std::optional<FileVersion> replaced;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (hints.may_replace && S_ISREG(status.st_mode) && hints.may_replace->id == file_id_of(status))
      replaced = hints.may_replace;
    else
      refuse_input_as_output(status, hints, name);
    if (S_ISDIR(status.st_mode)) throw os_error("cannot write to a folder", EISDIR, name);
    if (options.replaces_input && !replaced) throw target_changed(name);
    if (!S_ISREG(status.st_mode)) return open_in_place(status, name);
    if (!options.overwrite && !options.replaces_input) throw target_exists(name);
  } else if (errno != ENOENT) {
    throw os_error("cannot create", errno, name);
  } else if (options.replaces_input) {
    throw target_changed(name);
  }
  return std::make_unique<FileSink>(target, options, hints.total_bytes, replaced, name);
}

}  // namespace adapipe::inline v0_1
