#pragma once

#include <adapipe/error.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "graph/failure_latch.hpp"
#include "io/fd_sink.hpp"
#include "util/stop.hpp"

/// For operations that run step by step on the calling thread.
namespace adapipe::inline v0_1 {

/// What goes wrong in `step` becomes an Error about `file`.
template <typename F>
auto about(const std::string& file, F&& step) {
  try {
    return step();
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::io_error).in_file(file);
  }
}

/// A stop wakes what waits by making it fail: what fails after it has failed because of it.
template <typename F>
auto unless_stopped(const std::stop_token& stop, F&& step) {
  try {
    throw_if_stopped(stop);
    return step();
  } catch (...) {
    throw_if_stopped(stop);
    throw FailureLatch::current_exception_as_error(errc::io_error);
  }
}

/// Opens the sink, lets `write` fill it, and commits or abandons it.
template <typename F>
void fill_sink(Sink sink, const SinkHints& hints, SourceImpl& source, const std::stop_token& stop,
               F&& write) {
  const std::unique_ptr<SinkImpl> to =
      unless_stopped(stop, [&] { return std::move(sink).open(hints); });
  try {
    const std::stop_callback wake(stop, [&] {
      source.cancel();
      to->cancel();
    });
    unless_stopped(stop, [&] {
      write(*to);
      about(to->name(), [&] { await_reader(*to); });
    });
  } catch (...) {
    to->abandon();
    throw;
  }
  try {  // commit() or abandon() is called, whatever there is no memory for, such as a name
    to->commit();
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::io_error).in_file(to->name());
  }
}

}  // namespace adapipe::inline v0_1
