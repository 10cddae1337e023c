#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace adapipe::inline v0_1 {

/// A list whose elements may be given as anything that converts to T: `{key, passphrase}`.
/// (A std::vector with an initializer_list miscompiles inside co_await on GCC 12.)
template <typename T>
class ListOf {
 public:
  ListOf() = default;
  ListOf(std::vector<T> items) : items_(std::move(items)) {}

  template <typename... U>
  requires(sizeof...(U) > 0 && (std::convertible_to<U, T> && ...) &&
           !(sizeof...(U) == 1 && (std::same_as<std::remove_cvref_t<U>, ListOf> || ...)))
      ListOf(U&&... items) {
    items_.reserve(sizeof...(items));
    (items_.push_back(std::forward<U>(items)), ...);
  }

  auto begin() const noexcept { return items_.begin(); }
  auto end() const noexcept { return items_.end(); }
  std::size_t size() const noexcept { return items_.size(); }
  bool empty() const noexcept { return items_.empty(); }
  void push_back(T item) { items_.push_back(std::move(item)); }

 private:
  std::vector<T> items_;
};

}  // namespace adapipe::inline v0_1
