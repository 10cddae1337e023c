#include "io/memory.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

class MemorySource final : public PositionalSourceImpl {
 public:
  MemorySource(std::span<const std::byte> bytes, std::shared_ptr<const void> keep_alive)
      : bytes_(bytes), keep_alive_(std::move(keep_alive)) {}

  std::uint64_t total_bytes() const override { return bytes_.size(); }
  bool may_wait() const noexcept override { return false; }
  std::string name() const override { return "input in memory"; }

  std::size_t read_at(std::uint64_t offset_bytes, std::span<std::byte> to) override {
    const std::size_t begin = std::min<std::uint64_t>(offset_bytes, bytes_.size());
    const std::span from = bytes_.subspan(begin, std::min(to.size(), bytes_.size() - begin));
    std::ranges::copy(from, to.begin());
    return from.size();
  }

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> keep_alive_;
};

/// Grows in steps, so that few writes need the lock to themselves; commit() cuts the surplus off.
class MemorySink final : public PositionalSinkImpl {
 public:
  MemorySink(std::vector<std::byte>& bytes, const SinkHints& hints) : bytes_(bytes) {
    bytes_.clear();
    // The hint may come from a hostile input: reserved memory is not touched before it is used.
    if (hints.total_bytes) reserve(*hints.total_bytes);
  }

  bool may_wait() const noexcept override { return false; }
  bool holes_are_zeros() const noexcept override { return true; }
  std::string name() const override { return "output in memory"; }

  void write_at(std::uint64_t offset_bytes, std::span<const std::byte> bytes) override {
    if (bytes.size() > std::numeric_limits<std::uint64_t>::max() - offset_bytes) throw too_big();
    const std::uint64_t end = offset_bytes + bytes.size();
    if (!copy_if_it_fits(offset_bytes, bytes)) {
      grow_to(end);
      copy_if_it_fits(offset_bytes, bytes);
    }
    std::uint64_t seen = end_.load(std::memory_order_relaxed);
    while (seen < end && !end_.compare_exchange_weak(seen, end, std::memory_order_relaxed)) {
    }
  }

  void commit() override { bytes_.resize(static_cast<std::size_t>(end_.load())); }
  void abandon() noexcept override { std::vector<std::byte>().swap(bytes_); }

 private:
  static Error too_big() {
    return Error(errc::resource_exhausted, "the output does not fit into memory")
        .in_file("output in memory");
  }

  void reserve(std::uint64_t bytes) {
    try {
      bytes_.reserve(static_cast<std::size_t>(bytes));
    } catch (const std::bad_alloc&) {
      throw too_big();
    } catch (const std::length_error&) {
      throw too_big();
    }
  }

  bool copy_if_it_fits(std::uint64_t offset_bytes, std::span<const std::byte> bytes) {
    const std::shared_lock lock(mutex_);
    if (offset_bytes + bytes.size() > bytes_.size()) return false;
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset_bytes));
    return true;
  }

  void grow_to(std::uint64_t end) {
    const std::unique_lock lock(mutex_);
    if (end <= bytes_.size()) return;
    const std::uint64_t roomy = std::max<std::uint64_t>(end, 2 * bytes_.size());
    if (end > bytes_.capacity()) reserve(roomy);
    bytes_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(roomy, bytes_.capacity())));
  }

  std::vector<std::byte>& bytes_;
  std::shared_mutex mutex_;  ///< held alone to move or lengthen bytes_, shared to fill it
  std::atomic<std::uint64_t> end_{0};
};

class DiscardSink final : public PositionalSinkImpl {
 public:
  void write_at(std::uint64_t, std::span<const std::byte>) override {}
  void commit() override {}
  void abandon() noexcept override {}
  bool may_wait() const noexcept override { return false; }
  bool holes_are_zeros() const noexcept override { return true; }
};

}  // namespace

std::unique_ptr<SourceImpl> open_memory_source(std::span<const std::byte> bytes,
                                               std::shared_ptr<const void> keep_alive) {
  return std::make_unique<MemorySource>(bytes, std::move(keep_alive));
}

std::unique_ptr<SinkImpl> open_memory_sink(std::vector<std::byte>& bytes, const SinkHints& hints) {
  return std::make_unique<MemorySink>(bytes, hints);
}

std::unique_ptr<SinkImpl> open_discard_sink() { return std::make_unique<DiscardSink>(); }

}  // namespace adapipe::inline v0_1
