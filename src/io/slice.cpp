#include "io/slice.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

class Slice final : public PositionalSourceImpl {
 public:
  Slice(std::unique_ptr<PositionalSourceImpl> whole, std::uint64_t offset_bytes,
        std::uint64_t length_bytes)
      : whole_(std::move(whole)), offset_bytes_(offset_bytes), length_bytes_(length_bytes) {}

  std::uint64_t total_bytes() const override { return length_bytes_; }
  void cancel() noexcept override { whole_->cancel(); }
  bool may_wait() const noexcept override { return whole_->may_wait(); }
  std::string name() const override { return whole_->name(); }
  std::optional<FileId> file_id() const override { return whole_->file_id(); }

  std::size_t read_at(std::uint64_t offset_bytes, std::span<std::byte> to) override {
    to = clipped(offset_bytes, to);
    return to.empty() ? 0 : whole_->read_at(offset_bytes_ + offset_bytes, to);
  }
  std::optional<std::size_t> try_read_at(std::uint64_t offset_bytes,
                                         std::span<std::byte> to) override {
    to = clipped(offset_bytes, to);
    return to.empty() ? 0 : whole_->try_read_at(offset_bytes_ + offset_bytes, to);
  }

 private:
  std::span<std::byte> clipped(std::uint64_t offset_bytes, std::span<std::byte> to) const {
    const std::uint64_t rest = length_bytes_ - std::min(offset_bytes, length_bytes_);
    return to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), rest)));
  }

  std::unique_ptr<PositionalSourceImpl> whole_;
  std::uint64_t offset_bytes_;
  std::uint64_t length_bytes_;
};

}  // namespace

std::unique_ptr<SourceImpl> open_slice(std::unique_ptr<SourceImpl> whole,
                                       std::uint64_t offset_bytes, std::uint64_t length_bytes) {
  const std::string name = whole->name();
  auto* const positional = dynamic_cast<PositionalSourceImpl*>(whole.get());
  if (positional == nullptr)
    throw Error(errc::invalid_argument, "cannot take a slice of a stream, only of a file or memory")
        .in_file(name);
  const std::uint64_t total_bytes = positional->total_bytes();
  if (offset_bytes > total_bytes || length_bytes > total_bytes - offset_bytes)
    throw Error(errc::invalid_argument, "a slice of " + std::to_string(length_bytes) +
                                            " bytes from byte " + std::to_string(offset_bytes) +
                                            " on does not fit into " + std::to_string(total_bytes) +
                                            " bytes")
        .in_file(name);
  static_cast<void>(whole.release());
  return std::make_unique<Slice>(std::unique_ptr<PositionalSourceImpl>(positional), offset_bytes,
                                 length_bytes);
}

}  // namespace adapipe::inline v0_1
