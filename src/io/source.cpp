#include <adapipe/error.hpp>
#include <adapipe/rate_limit.hpp>
#include <adapipe/source.hpp>
#include <utility>

#include "io/file_source.hpp"
#include "io/limited_source.hpp"
#include "io/memory.hpp"
#include "io/slice.hpp"
#include "io/stream.hpp"

namespace adapipe::inline v0_1 {

SourceImpl::~SourceImpl() = default;

std::optional<std::uint64_t> SourceImpl::size() const { return std::nullopt; }

void SourceImpl::cancel() noexcept {}

bool SourceImpl::may_wait() const noexcept { return true; }

std::string SourceImpl::name() const { return "input stream"; }

std::optional<FileId> SourceImpl::file_id() const { return std::nullopt; }

std::optional<FileVersion> SourceImpl::file_version() const { return std::nullopt; }

std::optional<std::size_t> PositionalSourceImpl::try_read_at(std::uint64_t offset_bytes,
                                                             std::span<std::byte> to) {
  if (may_wait()) return std::nullopt;
  return read_at(offset_bytes, to);
}

std::size_t PositionalSourceImpl::read(std::span<std::byte> to) {
  const std::size_t got = read_at(position_, to);
  position_ += got;
  return got;
}

Source::Source(std::unique_ptr<SourceImpl> impl)
    : open_([held = std::make_shared<std::unique_ptr<SourceImpl>>(std::move(impl))] {
        return std::move(*held);
      }) {}

Source Source::file(std::filesystem::path path) {
  return Source(Opener([path = std::move(path)] { return open_file_source(path); }));
}

Source Source::memory(std::span<const std::byte> bytes) {
  return Source(Opener([bytes] { return open_memory_source(bytes); }));
}

Source Source::owned(std::vector<std::byte> bytes) {
  const auto held = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return Source(Opener([held] { return open_memory_source(*held, held); }));
}

Source Source::from(std::istream& stream) {
  const std::shared_ptr<std::istream> held(std::shared_ptr<void>(), &stream);  // deletes nothing
  return Source(Opener([held] { return open_stream_source(held); }));
}

Source Source::from(std::unique_ptr<std::istream> stream) {
  const std::shared_ptr<std::istream> held = std::move(stream);
  return Source(Opener([held] { return open_stream_source(held); }));
}

Source Source::fd(int descriptor, std::string name) {
  return Source(Opener(
      [descriptor, name = std::move(name)] { return open_descriptor_source(descriptor, name); }));
}

Source Source::slice(Source source, std::uint64_t offset_bytes, std::uint64_t length_bytes) {
  return Source(Opener([source = std::move(source), offset_bytes, length_bytes]() mutable {
    return open_slice(std::move(source).open(), offset_bytes, length_bytes);
  }));
}

Source Source::limited(Source source, RateLimit limit) {
  return Source(Opener([source = std::move(source), limit = std::move(limit)]() mutable {
    return limit_source(std::move(source).open(), limit.bucket());
  }));
}

std::unique_ptr<SourceImpl> Source::open() && {
  const Opener open = std::exchange(open_, nullptr);
  std::unique_ptr<SourceImpl> impl = open ? open() : nullptr;
  if (!impl) throw Error(errc::invalid_argument, "the source is empty or was used already");
  return impl;
}

}  // namespace adapipe::inline v0_1
