#pragma once

#include <adapipe/error.hpp>
#include <stop_token>
#include <string>

#include "graph/failure_latch.hpp"
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

}  // namespace adapipe::inline v0_1
