#pragma once

#include <adapipe/export.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace adapipe::inline v0_1 {

/// How many plain bytes a chunk holds (the last one may hold less): 4 KiB .. 256 MiB.
/// Bigger chunks compress better; smaller ones make range reads cheaper and use less memory.
class ADAPIPE_API ChunkSize {
 public:
  static constexpr std::uint32_t kMinBytes = 4 * 1024;
  static constexpr std::uint32_t kMaxBytes = 256 * 1024 * 1024;

  /// Throws Error(invalid_argument) outside kMinBytes .. kMaxBytes.
  static ChunkSize from_bytes(std::uint64_t bytes);
  static ChunkSize from_kib(std::uint64_t kib);
  static ChunkSize from_mib(std::uint64_t mib);

  constexpr std::uint32_t bytes() const noexcept { return bytes_; }
  friend constexpr bool operator==(ChunkSize, ChunkSize) = default;

 private:
  explicit constexpr ChunkSize(std::uint32_t bytes) noexcept : bytes_(bytes) {}
  std::uint32_t bytes_;
};

/// Which chunk a stage is looking at.
struct ChunkInfo {
  std::uint64_t index = 0;        ///< position in the stream, from 0
  std::uint32_t plain_bytes = 0;  ///< bytes of the chunk before the first stage; 1 .. 256 MiB
};

/// A byte buffer of bounded size whose growth does not zero. Not thread-safe.
///
/// Memory is taken at the first need, kept for the next chunk, and released on destruction.
/// data() is valid until the next resize() beyond what was allocated, or move.
class ADAPIPE_API Buffer {
 public:
  Buffer() noexcept = default;
  /// `max_bytes` is the most that resize() grants; nothing is allocated yet.
  explicit Buffer(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer() = default;

  std::byte* data() noexcept { return bytes_; }
  const std::byte* data() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::size_t max_size() const noexcept { return max_bytes_; }
  std::byte* begin() noexcept { return bytes_; }
  std::byte* end() noexcept { return bytes_ + size_; }
  const std::byte* begin() const noexcept { return bytes_; }
  const std::byte* end() const noexcept { return bytes_ + size_; }

  /// Makes size() == bytes. The contents up to the smaller of both sizes stay, the rest is
  /// indeterminate. Throws Error(limit_exceeded) beyond max_size(), std::bad_alloc.
  void resize(std::size_t bytes);

 private:
  friend class BufferAccess;
  struct Free {
    std::size_t pooled_bytes;  // 0: they are malloc's
    void operator()(std::byte* memory) const noexcept;
  };
  void grow(std::size_t bytes);

  std::unique_ptr<std::byte[], Free> memory_;  // headroom, then the bytes
  std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::size_t allocated_bytes_ = 0;
  std::size_t max_bytes_ = 0;
};

}  // namespace adapipe::inline v0_1
