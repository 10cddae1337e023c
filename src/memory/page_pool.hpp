#pragma once

#include <array>
#include <cstddef>
#include <mutex>

namespace adapipe::inline v0_1 {

/// Pages for buffers that are larger than what malloc is made for and smaller than a huge page. Of
/// those given back, a few are kept for who asks next: malloc would keep as many as were ever in
/// use, in a heap for every few threads, so that the process takes several times its memory budget;
/// with pages that are always new, a batch of small files takes a third longer.
///
/// Thread-safe. Waits for nobody, so it is of use in a child of fork(), too.
class PagePool {
 public:
  static constexpr std::size_t kMostKeptBytes = std::size_t{8} << 20;

  /// That of the process. Neither made nor destroyed: buffers may come and end at any time.
  static PagePool& shared();

  /// `bytes` is a multiple of the page size. What is in them is not defined. Throws std::bad_alloc.
  std::byte* take(std::size_t bytes);
  /// What take() gave for that size.
  void give_back(std::byte* memory, std::size_t bytes) noexcept;

 private:
  struct Block {
    std::byte* memory;
    std::size_t bytes;
  };

  Block take_kept(std::size_t bytes) noexcept;
  bool keep(Block block) noexcept;

  std::mutex mutex_;  // guards what follows; only ever tried
  std::array<Block, 64> kept_{};
  std::size_t kept_blocks_ = 0;
  std::size_t kept_bytes_ = 0;
};

}  // namespace adapipe::inline v0_1
