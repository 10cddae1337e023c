#include "io/partial_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "util/random.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kSuffix = ".partial";
constexpr std::size_t kRandomLetters = 6;
constexpr int kMaxAttempts = 100;

/// Shortened where needed, at the start of a UTF-8 character, to be a possible file name.
std::string partial_name(std::string_view target) {
  std::array<unsigned char, kRandomLetters> random{};
  system_random().fill(std::as_writable_bytes(std::span(random)));
  constexpr std::size_t kRoom = NAME_MAX - 2 - kRandomLetters - kSuffix.size();
  if (target.size() > kRoom) {
    std::size_t length = kRoom;
    while (length > 0 && (static_cast<unsigned char>(target[length]) & 0xC0u) == 0x80u) --length;
    target = target.substr(0, length);
  }
  std::string name = "." + std::string(target) + ".";
  for (const unsigned char byte : random) name += kAlphabet[byte % kAlphabet.size()];
  return name.append(kSuffix);
}

/// Of a folder that may be written but not read, only a handle that cannot be synced is to be had.
Descriptor open_folder(const std::filesystem::path& path) {
  Descriptor folder = open_descriptor(path, O_RDONLY | O_DIRECTORY);
  if (!folder && errno == EACCES) folder = open_descriptor(path, O_PATH | O_DIRECTORY);
  return folder;
}

bool can_be_synced(int folder) { return (::fcntl(folder, F_GETFL) & O_PATH) == 0; }

bool is_unsupported(int error_number) {
  return error_number == EINVAL || error_number == ENOSYS || error_number == EOPNOTSUPP ||
         error_number == EPERM;
}

}  // namespace

PartialFile::PartialFile(const std::filesystem::path& target, const FileSinkOptions& options,
                         std::string name)
    : options_(options), name_(std::move(name)), target_(target.filename().string()) {
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  if (target_.empty()) throw os_error("cannot create: not the name of a file", EISDIR, name_);
  folder_ = open_folder(folder);
  if (!folder_) throw os_error("cannot open the folder " + folder.string(), errno, name_);
  create();
}

void PartialFile::create() {
  const auto asked = options_.permissions.value_or(std::filesystem::perms(0666));
  const auto mode = static_cast<mode_t>(asked & std::filesystem::perms::mask);
  for (int attempt = 0; attempt < kMaxAttempts && !file_; ++attempt) {
    partial_ = partial_name(target_);
    const int value = ::openat(folder_.get(), partial_.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777);
    if (value < 0 && errno != EEXIST && errno != EINTR) break;
    file_ = Descriptor::owned(value);
  }
  if (!file_) {
    partial_.clear();
    throw os_error("cannot create", errno, name_);
  }
  if (options_.permissions && ::fchmod(file_.get(), mode) != 0) {
    const int error_number = errno;
    remove();  // there is no destructor yet
    throw os_error("cannot set the permissions", error_number, name_);
  }
}

void PartialFile::sync() {
  sync_to_disk(file_.get(), "cannot write it to the disk", name_);
  if (can_be_synced(folder_.get()))
    sync_to_disk(folder_.get(), "cannot write its folder to the disk", name_);
}

void PartialFile::publish(const std::optional<FileVersion>& replaced) {
  if (options_.durable) sync_to_disk(file_.get(), "cannot write it to the disk", name_);
  if (const int error_number = file_.close(); error_number != 0)
    throw os_error("cannot close", error_number, name_);
  if (replaced) check_target_is(*replaced);
  rename();
  partial_.clear();
  if (options_.durable && can_be_synced(folder_.get()))
    sync_to_disk(folder_.get(), "complete, but its folder cannot be written to the disk", name_);
}

void PartialFile::check_target_is(const FileVersion& expected) const {
  struct stat status {};
  const bool is_there =
      ::fstatat(folder_.get(), target_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_there || !S_ISREG(status.st_mode) || file_version_of(status) != expected)
    throw target_changed(name_);
}

void PartialFile::rename() {
  if (!options_.overwrite && !options_.replaces_input) return rename_to_new_name();
  if (::renameat(folder_.get(), partial_.c_str(), folder_.get(), target_.c_str()) != 0)
    throw os_error("cannot replace", errno, name_);
}

void PartialFile::rename_to_new_name() {
  const int at = folder_.get();
  if (::renameat2(at, partial_.c_str(), at, target_.c_str(), RENAME_NOREPLACE) == 0) return;
  if (is_unsupported(errno) && ::linkat(at, partial_.c_str(), at, target_.c_str(), 0) == 0) {
    remove();
    return;
  }
  if (is_unsupported(errno)) {
    // Without either, a file that appears between these two calls is replaced.
    struct stat status {};
    if (::fstatat(at, target_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
      errno = EEXIST;
    else if (errno == ENOENT && ::renameat(at, partial_.c_str(), at, target_.c_str()) == 0)
      return;
  }
  throw errno == EEXIST ? target_exists(name_) : os_error("cannot create", errno, name_);
}

void PartialFile::remove() noexcept {
  file_.close();
  if (!partial_.empty()) ::unlinkat(folder_.get(), partial_.c_str(), 0);
  partial_.clear();
}

Error target_exists(const std::string& name) {
  return Error(errc::already_exists, "exists already, and overwriting was not asked for")
      .in_file(name)
      .caused_by(std::error_code(EEXIST, std::system_category()));
}

Error target_changed(const std::string& name) {
  return Error(errc::io_error, "was changed or replaced meanwhile, and stays as it is now")
      .in_file(name);
}

}  // namespace adapipe::inline v0_1
