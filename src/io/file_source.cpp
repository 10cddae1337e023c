#include "io/file_source.hpp"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "io/fd_source.hpp"
#include "io/posix.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// A regular file of the size it had when it was opened: what is appended later is not read, and
/// when it shrinks, read_at() gives fewer bytes.
class FileSource final : public PositionalSourceImpl {
 public:
  FileSource(Descriptor descriptor, const struct stat& status, std::string name)
      : name_(std::move(name)),
        descriptor_(std::move(descriptor)),
        total_bytes_(static_cast<std::uint64_t>(status.st_size)),
        version_(file_version_of(status)),
        is_in_memory_(is_in_memory(descriptor_.get())) {
    ::posix_fadvise(descriptor_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  std::uint64_t total_bytes() const override { return total_bytes_; }
  bool may_wait() const noexcept override { return !is_in_memory_; }
  std::string name() const override { return name_; }
  std::optional<FileId> file_id() const override { return version_.id; }
  std::optional<FileVersion> file_version() const override { return version_; }

  std::size_t read_at(std::uint64_t offset_bytes, std::span<std::byte> to) override {
    return read_fully_at(descriptor_.get(), offset_bytes, clipped(offset_bytes, to), name_);
  }

  std::optional<std::size_t> try_read_at(std::uint64_t offset_bytes,
                                         std::span<std::byte> to) override {
    to = clipped(offset_bytes, to);
    if (is_in_memory_ || to.empty()) return read_at(offset_bytes, to);
    if (knows_no_nowait_.load(std::memory_order_relaxed)) return std::nullopt;
    const iovec buffer{to.data(), to.size()};
    const ssize_t got =
        ::preadv2(descriptor_.get(), &buffer, 1, static_cast<off_t>(offset_bytes), RWF_NOWAIT);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
      knows_no_nowait_.store(true, std::memory_order_relaxed);
    // Linux 5.9 and 5.10 give 0 before the end of the file; errors are found by read_at().
    return std::nullopt;
  }

 private:
  std::span<std::byte> clipped(std::uint64_t offset_bytes, std::span<std::byte> to) const {
    const std::uint64_t rest = total_bytes_ - std::min(offset_bytes, total_bytes_);
    return to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), rest)));
  }

  std::string name_;
  Descriptor descriptor_;
  std::uint64_t total_bytes_;
  FileVersion version_;
  bool is_in_memory_;
  std::atomic<bool> knows_no_nowait_{false};
};

/// Files in /proc say that they are empty, and are not.
bool hides_its_size(int descriptor, const struct stat& status, const std::string& name) {
  std::byte first{};
  return status.st_size == 0 && read_fully_at(descriptor, 0, {&first, 1}, name) != 0;
}

std::unique_ptr<SourceImpl> wrap(Descriptor descriptor, const std::string& name) {
  const struct stat status = status_of(descriptor.get(), name);
  if (S_ISDIR(status.st_mode))
    throw os_error("cannot read a folder; pipe the output of tar instead", EISDIR, name);
  if (S_ISREG(status.st_mode) && !hides_its_size(descriptor.get(), status, name))
    return std::make_unique<FileSource>(std::move(descriptor), status, name);
  return std::make_unique<FdSource>(std::move(descriptor), status, name);
}

}  // namespace

std::unique_ptr<SourceImpl> open_file_source(const std::filesystem::path& path) {
  if (const auto descriptor = standard_descriptor(path))
    return open_descriptor_source(*descriptor, path.string());
  // Without O_NONBLOCK, opening a FIFO waits for its writer here, where nobody can cancel it;
  // with it, opening a file that has a lease fails.
  Descriptor descriptor = open_descriptor(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  if (!descriptor && errno == EWOULDBLOCK) descriptor = open_descriptor(path, O_RDONLY | O_NOCTTY);
  if (!descriptor) throw os_error("cannot open", errno, path.string());
  if (S_ISREG(status_of(descriptor.get(), path.string()).st_mode))
    ::fcntl(descriptor.get(), F_SETFL, 0);  // some network file systems heed O_NONBLOCK
  return wrap(std::move(descriptor), path.string());
}

std::unique_ptr<SourceImpl> open_descriptor_source(int descriptor, const std::string& name) {
  return wrap(Descriptor::borrowed(descriptor), name);
}

}  // namespace adapipe::inline v0_1
