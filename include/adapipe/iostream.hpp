#pragma once

#include <adapipe/error.hpp>
#include <adapipe/export.hpp>
#include <adapipe/pipeline.hpp>
#include <adapipe/reader.hpp>
#include <adapipe/report.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <adapipe/writer.hpp>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>

namespace adapipe::inline v0_1 {

/// A container as a std::istream over its plain bytes, seekable: what std::ifstream is to a file.
/// Not thread-safe. What cannot be read sets badbit, and error() says why; if exceptions() has
/// badbit, that Error is thrown. Only bytes that passed their check are ever given.
class ADAPIPE_API istream : public std::istream {
 public:
  /// Opens as Reader::open() does. If that fails, failbit is set and error() says why.
  explicit istream(Source container, ReaderOptions options = {});
  explicit istream(Reader reader);
  istream(istream&& other) noexcept;
  istream& operator=(istream&& other) noexcept;
  ~istream() override;

  bool is_open() const noexcept;
  /// The first thing that went wrong; nullptr if nothing did. Lives as long as the stream.
  const Error* error() const noexcept;
  /// Only if is_open().
  const Reader& reader() const noexcept;

 private:
  class Buffer;
  std::unique_ptr<Buffer> buffer_;
};

/// A pipeline as a std::ostream: what std::ofstream is to a file. Not thread-safe. It cannot seek;
/// tellp() says how much was written. What cannot be written sets badbit, and error() says why; if
/// exceptions() has badbit, that Error is thrown.
///
/// std::flush and std::endl hand what was written to the pipeline, no further: a chunk for every
/// line would be large and slow. writer().flush() after a std::flush goes all the way.
class ADAPIPE_API ostream : public std::ostream {
 public:
  /// As the constructor of Writer. If that fails, failbit is set and error() says why.
  ostream(const Pipeline& pipeline, Sink container, ProcessOptions options = {});
  ostream(ostream&& other) noexcept;
  ostream& operator=(ostream&& other) noexcept;
  /// Closes it, as std::ofstream does, unless it has failed or is destroyed by an exception on its
  /// way through: the output is then abandoned. Nobody learns of an error here; see close().
  ~ostream() override;

  /// Writes the rest, checks and commits, and waits. Sets failbit if that fails or the stream has
  /// failed before; nothing is left of the output then.
  void close();
  /// What close() has done; empty before, or if it failed.
  std::optional<Report> report() const;

  bool is_open() const noexcept;
  /// As that of istream.
  const Error* error() const noexcept;
  /// Only if is_open().
  Writer& writer() noexcept;

 private:
  class Buffer;
  void close_or_abandon() noexcept;
  std::unique_ptr<Buffer> buffer_;
};

}  // namespace adapipe::inline v0_1
