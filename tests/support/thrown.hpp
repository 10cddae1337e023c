#pragma once

#include <adapipe/error.hpp>
#include <utility>

namespace adapipe::testing {

/// The kind of the Error that `body` throws; errc{} if it throws nothing.
template <typename Body>
errc thrown_kind(Body&& body) {
  try {
    std::forward<Body>(body)();
  } catch (const Error& error) {
    return error.kind();
  }
  return errc{};
}

/// The Error that `body` throws; one of kind errc{} if it throws nothing.
template <typename Body>
Error thrown_by(Body&& body) {
  try {
    std::forward<Body>(body)();
  } catch (const Error& error) {
    return error;
  }
  return Error(errc{}, "nothing was thrown");
}

}  // namespace adapipe::testing
