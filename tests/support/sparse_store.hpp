#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace adapipe::testing {

/// Bytes at any offset, of which only the pages that are not zero take memory: a place for
/// containers beyond 4 GiB. Thread-safe.
class SparseStore {
 public:
  static constexpr std::size_t kPageBytes = 4096;

  void write(std::uint64_t offset, std::span<const std::byte> bytes) {
    for_each_page(offset, bytes.size(),
                  [&](std::uint64_t page, std::size_t at, std::size_t from, std::size_t count) {
                    const std::lock_guard lock(mutex_);
                    size_ = std::max<std::uint64_t>(size_, offset + bytes.size());
                    if (!pages_.contains(page) && is_zero(bytes.subspan(from, count))) return;
                    std::memcpy(pages_[page].data() + at, bytes.data() + from, count);
                  });
  }

  std::size_t read(std::uint64_t offset, std::span<std::byte> to) {
    const std::uint64_t end = size();
    if (offset >= end) return 0;
    const std::size_t bytes = std::min<std::uint64_t>(to.size(), end - offset);
    for_each_page(offset, bytes,
                  [&](std::uint64_t page, std::size_t at, std::size_t from, std::size_t count) {
                    const std::lock_guard lock(mutex_);
                    const auto found = pages_.find(page);
                    if (found == pages_.end())
                      std::memset(to.data() + from, 0, count);
                    else
                      std::memcpy(to.data() + from, found->second.data() + at, count);
                  });
    return bytes;
  }

  std::uint64_t size() const {
    const std::lock_guard lock(mutex_);
    return size_;
  }

  /// Makes it at least `bytes` long.
  void extend(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    size_ = std::max(size_, bytes);
  }

  friend bool operator==(const SparseStore& a, const SparseStore& b) {
    return a.size_ == b.size_ && a.pages_ == b.pages_;
  }

 private:
  using Page = std::array<std::byte, kPageBytes>;

  static bool is_zero(std::span<const std::byte> bytes) {
    static constexpr Page kZeros{};
    return std::memcmp(bytes.data(), kZeros.data(), bytes.size()) == 0;
  }

  template <typename Visit>
  static void for_each_page(std::uint64_t offset, std::size_t bytes, Visit visit) {
    for (std::size_t done = 0; done < bytes;) {
      const std::size_t at = (offset + done) % kPageBytes;
      const std::size_t count = std::min(kPageBytes - at, bytes - done);
      visit((offset + done) / kPageBytes, at, done, count);
      done += count;
    }
  }

  mutable std::mutex mutex_;
  std::uint64_t size_ = 0;
  std::unordered_map<std::uint64_t, Page> pages_;
};

class SparseSource final : public PositionalSourceImpl {
 public:
  explicit SparseSource(SparseStore& store) : store_(store) {}
  std::uint64_t total_bytes() const override { return store_.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    return store_.read(offset, to);
  }
  bool may_wait() const noexcept override { return false; }

 private:
  SparseStore& store_;
};

class SparseSink final : public PositionalSinkImpl {
 public:
  explicit SparseSink(SparseStore& store) : store_(store) {}
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    store_.write(offset, bytes);
  }
  void commit() override {}
  void abandon() noexcept override {}
  bool may_wait() const noexcept override { return false; }

 private:
  SparseStore& store_;
};

}  // namespace adapipe::testing
