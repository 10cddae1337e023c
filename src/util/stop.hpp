#pragma once

#include <adapipe/error.hpp>
#include <stop_token>

namespace adapipe::inline v0_1 {

/// Throws Error(cancelled) once a stop was requested.
inline void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(errc::cancelled, "the operation was cancelled");
}

}  // namespace adapipe::inline v0_1
