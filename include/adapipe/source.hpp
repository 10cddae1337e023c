#pragma once

#include <adapipe/export.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

class RateLimit;  // <adapipe/rate_limit.hpp>

/// Identity of a file on this machine; equal for two paths or descriptors of one file.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

/// Tells, as far as the system does, whether a file is still as it was.
struct FileVersion {
  FileId id{};
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;  ///< since the Epoch
  friend bool operator==(const FileVersion&, const FileVersion&) = default;
};

/// A host's own input, read from front to back. Every function but cancel() is called by one
/// thread at a time. Throwing fails the operation.
class ADAPIPE_API SourceImpl {
 public:
  virtual ~SourceImpl();

  /// Puts 1 .. to.size() bytes into `to` and returns how many; 0 only at the end. `to` is not
  /// empty. May block; runs on an I/O thread unless may_wait() is false.
  virtual std::size_t read(std::span<std::byte> to) = 0;

  /// Bytes read() will give in all, if known before reading. Exact.
  virtual std::optional<std::uint64_t> size() const;

  /// Makes a blocked and every later read() return or throw soon. From any thread, any number of
  /// times. Default: nothing, so a cancelled operation waits for the blocked read to return.
  virtual void cancel() noexcept;

  /// false: read() never blocks, so CPU workers may call it. Default: true.
  virtual bool may_wait() const noexcept;

  /// For messages: a path, "stdin", ... Default: "input stream".
  virtual std::string name() const;

  /// The file behind it, so that writing onto the input is refused.
  virtual std::optional<FileId> file_id() const;

  /// Of a regular file: what it was when it was opened. An output may take the place of that only;
  /// nothing for a slice, with which the rest of its file would be lost.
  virtual std::optional<FileVersion> file_version() const;
};

/// An input that can be read at any offset, by several threads at once: chunks are then read in
/// parallel, and Reader can open it.
class ADAPIPE_API PositionalSourceImpl : public SourceImpl {
 public:
  /// Bytes in all; the same at every call.
  virtual std::uint64_t total_bytes() const = 0;

  /// Reads up to to.size() bytes from `offset_bytes`; fewer only at the end or when interrupted,
  /// 0 only at or past the end. Thread-safe. May block.
  virtual std::size_t read_at(std::uint64_t offset_bytes, std::span<std::byte> to) = 0;

  /// As read_at(), but gives what is there without waiting: possibly fewer bytes, and nullopt
  /// when that is none. Default: nullopt if may_wait(), else read_at().
  virtual std::optional<std::size_t> try_read_at(std::uint64_t offset_bytes,
                                                 std::span<std::byte> to);

  std::optional<std::uint64_t> size() const final { return total_bytes(); }
  /// Reads on from where the last read() ended.
  std::size_t read(std::span<std::byte> to) final;

 private:
  std::uint64_t position_ = 0;
};

/// Where bytes come from. A movable value; a path or a string converts to it. It is opened when
/// an operation starts, not before, so a missing file is an error of the operation.
class ADAPIPE_API Source {
 public:
  using Opener = std::function<std::unique_ptr<SourceImpl>()>;

  Source(const std::filesystem::path& path) : Source(file(path)) {}
  Source(const std::string& path) : Source(file(path)) {}
  Source(const char* path) : Source(file(path)) {}
  /// A host's own.
  Source(std::unique_ptr<SourceImpl> impl);
  explicit Source(Opener opener) : open_(std::move(opener)) {}

  /// A regular file is read positionally; a FIFO or device, as a stream.
  static Source file(std::filesystem::path path);
  /// Borrowed: must outlive the operation and stay untouched until it ends.
  static Source memory(std::span<const std::byte> bytes);
  static Source memory(std::vector<std::byte>&&) = delete;  // use owned()
  static Source owned(std::vector<std::byte> bytes);
  /// Borrowed; read from where it stands, to its end. A stream in a bad state is an io_error.
  static Source from(std::istream& stream);
  static Source from(std::istream&&) = delete;
  static Source from(std::unique_ptr<std::istream> stream);
  /// Borrowed descriptor, not closed. Regular files are read from offset 0, positionally; pipes,
  /// sockets and terminals from where they stand, polled so that cancelling wakes them.
  static Source fd(int descriptor, std::string name = "input stream");
  /// `length_bytes` bytes of `source` from `offset_bytes` on. The source must be positional;
  /// Error(invalid_argument) at the start of the operation if not, or if it is shorter.
  static Source slice(Source source, std::uint64_t offset_bytes, std::uint64_t length_bytes);
  /// `source`, read no faster than `limit` allows. Waiting for that takes an I/O thread, or that of
  /// the caller if the operation runs there, and ends when the operation is stopped. A Reader's
  /// goes on instead until the chunks that it has begun to read are there.
  static Source limited(Source source, RateLimit limit);

  /// Opens it, once. Throws Error(io_error) naming the file; Error(invalid_argument) if the
  /// Source was used up or moved from.
  std::unique_ptr<SourceImpl> open() &&;

 private:
  Opener open_;
};

}  // namespace adapipe::inline v0_1
