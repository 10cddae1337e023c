#pragma once

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>

#include "support/bytes.hpp"
#include "support/catch.hpp"

/// What a function leaves on the stack.
namespace adapipe::testing {

/// The stack of a thread that has done `what` and ended.
inline Bytes stack_after(const std::function<void()>& what) {
  constexpr std::size_t kStackBytes = std::size_t{1} << 20;
  Bytes stack(kStackBytes + 4096);
  void* start = stack.data();
  std::size_t room = stack.size();
  REQUIRE(std::align(4096, kStackBytes, start, room) != nullptr);
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstack(&attributes, start, kStackBytes) == 0);
  const auto run = [](void* function) -> void* {
    (*static_cast<const std::function<void()>*>(function))();
    return nullptr;
  };
  pthread_t thread;
  auto* const function = const_cast<std::function<void()>*>(&what);
  REQUIRE(pthread_create(&thread, &attributes, run, function) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
  return stack;
}

/// In units of 32 bits, as ciphers repeat and shuffle such words of the key.
inline std::size_t words_found(const Bytes& key, const Bytes& stack) {
  std::size_t found = 0;
  for (std::size_t at = 0; at < key.size(); at += 4)
    if (std::search(stack.begin(), stack.end(), key.begin() + static_cast<std::ptrdiff_t>(at),
                    key.begin() + static_cast<std::ptrdiff_t>(at + 4)) != stack.end())
      ++found;
  return found;
}

}  // namespace adapipe::testing
