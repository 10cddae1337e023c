#pragma once

#include <adapipe/chunk.hpp>
#include <cstddef>

namespace adapipe::inline v0_1 {

/// What only the engine may do with a Buffer. Every buffer has room in front of its data for a
/// record header, and behind it for a tag, so that a chunk is sealed where it lies and written
/// with one call.
class BufferAccess {
 public:
  static constexpr std::size_t kHeadroomBytes = 64;
  static constexpr std::size_t kTailroomBytes = 64;

  /// Empties the buffer and sets what resize() grants from now on.
  static void restart(Buffer& buffer, std::size_t max_bytes) noexcept {
    buffer.size_ = 0;
    buffer.max_bytes_ = max_bytes;
  }

  /// Empties the buffer, allocates for `bytes` and makes that its size and limit.
  static void allocate(Buffer& buffer, std::size_t bytes) {
    restart(buffer, bytes);
    buffer.resize(bytes);
  }

  static std::size_t allocated_bytes(const Buffer& buffer) noexcept {
    return buffer.allocated_bytes_;
  }
};

}  // namespace adapipe::inline v0_1
