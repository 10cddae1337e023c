#pragma once

#include <coroutine>
#include <exception>

namespace adapipe::testing {

/// A coroutine that starts at once and whose end nobody waits for.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

}  // namespace adapipe::testing
