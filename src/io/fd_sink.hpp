#pragma once

#include <adapipe/sink.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "io/posix.hpp"
#include "io/waker.hpp"

namespace adapipe::inline v0_1 {

/// A pipe, socket, terminal or other device, written in order and in place. It is polled before
/// each write, so that cancel() ends a wait. A reader that went away is Error(io_error) with cause
/// EPIPE; SIGPIPE never reaches the host.
class FdSink final : public SinkImpl {
 public:
  FdSink(Descriptor descriptor, std::string name);

  /// The FIFO called `name`. It is opened by the first write() or by await_reader(), because that
  /// has to wait for its reader.
  explicit FdSink(std::string name);

  /// Of a FIFO that nothing was written to. commit() does the same, but no cancel() comes then.
  void await_reader();
  void write(std::span<const std::byte> bytes) override;
  void commit() override;
  void abandon() noexcept override { descriptor_.close(); }
  void cancel() noexcept override { waker_.wake(); }
  void sync() override;
  std::string name() const override { return name_; }

 private:
  void open_fifo();
  void prepare();
  std::size_t write_some(std::span<const std::byte> bytes);

  std::string name_;
  Waker waker_;
  Descriptor descriptor_;
  bool is_socket_ = false;
  std::size_t step_bytes_ = 0;  ///< written at once without blocking after a poll
};

/// To be called before commit(), while cancel() can still end a wait: see FdSink::await_reader().
void await_reader(SinkImpl& sink);

/// Sink::fd().
std::unique_ptr<SinkImpl> open_descriptor_sink(int descriptor, const std::string& name,
                                               const SinkHints& hints);

/// Throws Error(invalid_argument) if the output is the input.
void refuse_input_as_output(const struct stat& output, const SinkHints& hints,
                            const std::string& name);

}  // namespace adapipe::inline v0_1
