#pragma once

#include <sys/stat.h>

#include <adapipe/error.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace adapipe::inline v0_1 {

/// A file descriptor that is closed at the end if it is owned, and left alone if borrowed.
class Descriptor {
 public:
  Descriptor() = default;
  static Descriptor owned(int value) noexcept { return {value, true}; }
  static Descriptor borrowed(int value) noexcept { return {value, false}; }
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const noexcept { return value_; }
  explicit operator bool() const noexcept { return value_ >= 0; }

  /// Lets go of it. Gives the errno of a failed close, else 0: data may be lost only then.
  int close() noexcept;

 private:
  Descriptor(int value, bool is_owned) noexcept : value_(value), is_owned_(is_owned) {}

  int value_ = -1;
  bool is_owned_ = false;
};

/// What the system refused: Error(io_error) with `error_number` as its cause, or
/// Error(resource_exhausted) when it ran out of descriptors or memory.
Error os_error(std::string message, int error_number, const std::string& file);

/// open() with O_CLOEXEC, again when interrupted. Empty, with errno set, if it failed. `mode` is
/// that of a file that is made.
Descriptor open_descriptor(const std::filesystem::path& path, int flags, mode_t mode = 0) noexcept;

/// Throws Error(io_error) for a descriptor that is not open.
struct stat status_of(int descriptor, const std::string& file);

/// Nothing for terminals, other character devices and sockets: what is written there is not what
/// is read there, so that one may be both input and output.
std::optional<FileId> file_id_of(const struct stat& status) noexcept;

/// Of a regular file.
FileVersion file_version_of(const struct stat& status) noexcept;

/// Whether the file lives in memory alone (tmpfs, ramfs): its reads do not wait.
bool is_in_memory(int descriptor) noexcept;

/// N for /dev/fd/N and /proc/self/fd/N, and for /dev/stdin, /dev/stdout and /dev/stderr. Those
/// name a descriptor rather than the file that happens to be behind it.
std::optional<int> standard_descriptor(const std::filesystem::path& path);

/// Reads until `to` is full or the file ends; gives how many bytes. Throws Error(io_error).
std::size_t read_fully_at(int descriptor, std::uint64_t offset_bytes, std::span<std::byte> to,
                          const std::string& file);

/// Writes all of `bytes`. Throws Error(io_error).
void write_fully_at(int descriptor, std::uint64_t offset_bytes, std::span<const std::byte> bytes,
                    const std::string& file);

/// fsync(). Some file systems cannot sync a file or a folder; that is no failure of the data.
/// Throws Error(io_error) that says `message`.
void sync_to_disk(int descriptor, const char* message, const std::string& file);

}  // namespace adapipe::inline v0_1
