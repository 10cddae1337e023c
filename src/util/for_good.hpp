#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace adapipe::inline v0_1 {

/// An object for as long as the process, for what is static in a function: it is never destroyed.
/// An operation may be at work while static objects are destroyed, be it that one of them owns it,
/// or that another thread has called exit(); what is static in a function, and made when an
/// operation first needed it, would be gone before its Runtime is.
template <typename T>
class ForGood {
 public:
  ForGood() { std::construct_at(get()); }
  explicit ForGood(T object) { std::construct_at(get(), std::move(object)); }
  ForGood(const ForGood&) = delete;

  T& operator*() noexcept { return *get(); }
  const T& operator*() const noexcept { return *get(); }
  const T* operator->() const noexcept { return get(); }

 private:
  T* get() noexcept { return reinterpret_cast<T*>(memory_); }
  const T* get() const noexcept { return reinterpret_cast<const T*>(memory_); }

  alignas(T) std::byte memory_[sizeof(T)];
};

}  // namespace adapipe::inline v0_1
