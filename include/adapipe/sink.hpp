#pragma once

#include <adapipe/export.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

/// A host's own output, written from front to back. Every function but cancel() is called by one
/// thread at a time. Throwing fails the operation. Once an operation has opened the sink, exactly
/// one of commit() and abandon() is called, at the end.
class ADAPIPE_API SinkImpl {
 public:
  virtual ~SinkImpl();

  /// Takes all of `bytes`, which follow those of the call before. May block; runs on an I/O
  /// thread unless may_wait() is false.
  virtual void write(std::span<const std::byte> bytes) = 0;

  /// Everything was written and checked: make it final. May block. If it throws, it has undone what
  /// can be undone; a stop that comes after it was called has no effect.
  virtual void commit() = 0;

  /// The operation failed or was cancelled: undo what can be undone. Nothing is called after it.
  virtual void abandon() noexcept = 0;

  /// Makes a blocked and every later write() return or throw soon. From any thread, any number of
  /// times. Default: nothing.
  virtual void cancel() noexcept;

  /// false: writing never blocks for long, so CPU workers may do it. Default: true.
  virtual bool may_wait() const noexcept;

  /// For messages. Default: "output stream".
  virtual std::string name() const;

  /// What write() was given so far is to survive a crash of the machine, as far as there is a way.
  /// May block. Only Writer::flush() asks for it. Default: nothing.
  virtual void sync();
};

/// An output that can be written at any offset; by several threads at once, unless it may_wait(),
/// and else in order. The ranges written never overlap, and leave no hole when commit() is called,
/// unless holes_are_zeros().
class ADAPIPE_API PositionalSinkImpl : public SinkImpl {
 public:
  /// Thread-safe, within max_concurrent_writes().
  virtual void write_at(std::uint64_t offset_bytes, std::span<const std::byte> bytes) = 0;

  /// The most threads that write at once; 0 (default): any number. Where writes wait for each other
  /// anyway, as those to one file do, 1 lets the other threads go on with other chunks.
  virtual std::size_t max_concurrent_writes() const noexcept;

  /// true: what was never written, before the last byte that was, reads as zeros. salvage() then
  /// leaves holes where it has nothing to write. Default: false.
  virtual bool holes_are_zeros() const noexcept;
  void write(std::span<const std::byte> bytes) final;

 private:
  std::uint64_t position_ = 0;
};

struct FileSinkOptions {
  bool overwrite = false;  ///< replace an existing file (at commit, atomically)
  /// Replace the file that the source has opened and nothing else; for rekey() in place.
  bool replaces_input = false;
  /// Permission bits of the new file; default: 0666 less the umask.
  std::optional<std::filesystem::perms> permissions{};
  bool durable = true;  ///< fsync file and folder before the operation reports success
};

/// What an operation knows of its output when it opens the sink.
struct SinkHints {
  std::optional<std::uint64_t> total_bytes{};  ///< exact size of the output, if known
  std::optional<FileId> input{};               ///< the input file, which must not be the output
  /// An output that appears at commit only may take the place of `input` while it is still this
  /// version of it; commit() then throws Error(io_error) if it is not.
  std::optional<FileVersion> may_replace{};
};

/// Where bytes go. A movable value; a path or a string converts to it and refuses to overwrite.
/// It is opened when an operation starts.
class ADAPIPE_API Sink {
 public:
  using Opener = std::function<std::unique_ptr<SinkImpl>(const SinkHints&)>;

  Sink(const std::filesystem::path& path) : Sink(file(path)) {}
  Sink(const std::string& path) : Sink(file(path)) {}
  Sink(const char* path) : Sink(file(path)) {}
  /// A host's own.
  Sink(std::unique_ptr<SinkImpl> impl);
  explicit Sink(Opener opener) : open_(std::move(opener)) {}

  /// Writes `.NAME.XXXXXX.partial` beside `path` and renames it at commit, so that `path` is
  /// either the complete new file or untouched. A FIFO or device is written in place, in order.
  static Sink file(std::filesystem::path path, FileSinkOptions options = {});
  /// Borrowed; cleared at once, empty on failure. Must outlive the operation, untouched.
  static Sink memory(std::vector<std::byte>& bytes);
  static Sink memory(std::vector<std::byte>&&) = delete;
  /// Borrowed; flushed at commit. On failure, what was written stays written.
  static Sink to(std::ostream& stream);
  static Sink to(std::ostream&&) = delete;
  static Sink to(std::unique_ptr<std::ostream> stream);
  /// Borrowed descriptor, not closed; written in order from where it stands, polled so that
  /// cancelling wakes it. On failure, what was written stays written.
  static Sink fd(int descriptor, std::string name = "output stream");
  /// Takes everything and keeps nothing.
  static Sink discard();

  /// Opens it, once. Throws Error(already_exists), Error(io_error) naming the file.
  std::unique_ptr<SinkImpl> open(const SinkHints& hints) &&;

 private:
  Opener open_;
};

}  // namespace adapipe::inline v0_1
