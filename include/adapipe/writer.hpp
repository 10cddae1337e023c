#pragma once

#include <adapipe/export.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/pipeline.hpp>
#include <adapipe/report.hpp>
#include <adapipe/sink.hpp>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace adapipe::inline v0_1 {

/// How far what was written has come when Writer::flush() returns.
enum class Durability : std::uint8_t {
  sink,    ///< it is with the sink
  machine  ///< it survives a crash of the machine, as far as the sink knows a way: SinkImpl::sync()
};

/// A pipeline that is written into. One thread at a time; movable. Before finish() there is no
/// complete container: a file does not appear under its name. What a crash leaves behind (of a
/// file, `.NAME.XXXXXX.partial`) begins with what was flushed: of an adapipe container, salvage()
/// recovers it.
///
/// An open Writer has a place among the operations of its Runtime, and its part of the memory
/// budget, until it ends. Where one thread fills several of them by turns, all must fit: the one
/// that has to wait for another's place or memory would wait for ever.
///
/// Every function throws Error(invalid_argument) after finish(), and the Error that ended the
/// pipeline when it has failed: a sink that cannot be opened is told by the first call that waits.
class ADAPIPE_API Writer {
 public:
  /// Starts; does not wait. `options.stop` cancels it.
  Writer(const Pipeline& pipeline, Sink sink, ProcessOptions options = {});
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  /// Without a finish(): cancels, and abandons the output.
  ~Writer();

  /// Returns when all of `bytes` has been taken. Waits for nothing but backpressure: until one of
  /// the pipeline's buffers is free. A thread of the pipeline's Runtime (a stage) may call it, not
  /// holding a lock, for it runs other work while it waits.
  void write(std::span<const std::byte> bytes);
  /// Takes what there is room for at once, and returns how many bytes that was. Once the pipeline
  /// has ended because of an error, it throws that.
  std::size_t try_write(std::span<const std::byte> bytes);

  /// As write(), but returns at once: `taken` runs when all of `bytes`, which must stay untouched
  /// until then, has been taken or the pipeline has failed, where Operation::on_completion()
  /// callbacks run. Nothing else may be called before.
  void start_write(std::span<const std::byte> bytes, std::function<void()> taken);
  /// co_await writer.async_write(bytes): as write(), without holding a thread.
  class WriteAwaiter;
  WriteAwaiter async_write(std::span<const std::byte> bytes) noexcept;

  /// Ends the chunk and waits until all that was written has come as far as `durability` says.
  /// Each call makes a chunk of its own, so that many small ones cost size and speed.
  void flush(Durability durability = Durability::sink);

  /// Writes the rest, checks and commits, and waits; the Writer cannot be used any more.
  Report finish();
  /// The same, without waiting.
  Operation start_finish();

 private:
  class Impl;
  Impl& impl();
  std::unique_ptr<Impl> impl_;
};

class [[nodiscard]] Writer::WriteAwaiter {
 public:
  bool await_ready() {
    bytes_ = bytes_.subspan(writer_.try_write(bytes_));
    return bytes_.empty();
  }
  void await_suspend(std::coroutine_handle<> coroutine) {
    const std::span<const std::byte> rest = bytes_;
    bytes_ = {};
    writer_.start_write(rest, [coroutine] { coroutine.resume(); });
  }
  void await_resume() { writer_.write({}); }

 private:
  friend class Writer;
  WriteAwaiter(Writer& writer, std::span<const std::byte> bytes) noexcept
      : writer_(writer), bytes_(bytes) {}
  Writer& writer_;
  std::span<const std::byte> bytes_;
};

inline Writer::WriteAwaiter Writer::async_write(std::span<const std::byte> bytes) noexcept {
  return {*this, bytes};
}

}  // namespace adapipe::inline v0_1
