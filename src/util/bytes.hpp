#pragma once

#include <adapipe/error.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "util/endian.hpp"

namespace adapipe::inline v0_1 {

using ByteSpan = std::span<const std::byte>;

inline ByteSpan as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view as_text(ByteSpan bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Appends little-endian fields to a byte vector.
class ByteWriter {
 public:
  template <std::unsigned_integral T>
  ByteWriter& put(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    store_le(bytes_.data() + at, value);
    return *this;
  }
  ByteWriter& put(ByteSpan bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  ByteWriter& zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  ByteSpan bytes() const noexcept { return bytes_; }
  std::vector<std::byte> take() && { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Takes little-endian fields off the front of hostile bytes. Running out of them throws
/// Error(corrupt) with `what` ("stage section", say) in the message.
class ByteReader {
 public:
  ByteReader(ByteSpan bytes, std::string_view what) noexcept : rest_(bytes), what_(what) {}

  template <std::unsigned_integral T>
  T get() {
    return load_le<T>(get(sizeof(T)).data());
  }
  ByteSpan get(std::size_t count) {
    if (count > rest_.size())
      throw Error(errc::corrupt, std::string(what_) + " is shorter than it says");
    const ByteSpan front = rest_.first(count);
    rest_ = rest_.subspan(count);
    return front;
  }
  ByteSpan rest() const noexcept { return rest_; }
  bool empty() const noexcept { return rest_.empty(); }
  /// Nothing may be left.
  void expect_end() const {
    if (!rest_.empty())
      throw Error(errc::corrupt, std::string(what_) + " is longer than it should");
  }

 private:
  ByteSpan rest_;
  std::string_view what_;
};

}  // namespace adapipe::inline v0_1
