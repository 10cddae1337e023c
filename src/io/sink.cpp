#include <adapipe/error.hpp>
#include <adapipe/sink.hpp>
#include <utility>

#include "io/fd_sink.hpp"
#include "io/file_sink.hpp"
#include "io/memory.hpp"
#include "io/stream.hpp"

namespace adapipe::inline v0_1 {

SinkImpl::~SinkImpl() = default;

void SinkImpl::cancel() noexcept {}

bool SinkImpl::may_wait() const noexcept { return true; }

void SinkImpl::sync() {}

std::string SinkImpl::name() const { return "output stream"; }

std::size_t PositionalSinkImpl::max_concurrent_writes() const noexcept { return 0; }

bool PositionalSinkImpl::holes_are_zeros() const noexcept { return false; }

void PositionalSinkImpl::write(std::span<const std::byte> bytes) {
  write_at(position_, bytes);
  position_ += bytes.size();
}

Sink::Sink(std::unique_ptr<SinkImpl> impl)
    : open_([held = std::make_shared<std::unique_ptr<SinkImpl>>(std::move(impl))](
                const SinkHints&) { return std::move(*held); }) {}

Sink Sink::file(std::filesystem::path path, FileSinkOptions options) {
  return Sink(Opener([path = std::move(path), options](const SinkHints& hints) {
    return open_file_sink(path, options, hints);
  }));
}

Sink Sink::memory(std::vector<std::byte>& bytes) {
  bytes.clear();  // here, so that an operation that fails before it opens the sink leaves it empty
  return Sink(Opener([&bytes](const SinkHints& hints) { return open_memory_sink(bytes, hints); }));
}

Sink Sink::to(std::ostream& stream) {
  const std::shared_ptr<std::ostream> held(std::shared_ptr<void>(), &stream);  // deletes nothing
  return Sink(Opener([held](const SinkHints&) { return open_stream_sink(held); }));
}

Sink Sink::to(std::unique_ptr<std::ostream> stream) {
  const std::shared_ptr<std::ostream> held = std::move(stream);
  return Sink(Opener([held](const SinkHints&) { return open_stream_sink(held); }));
}

Sink Sink::fd(int descriptor, std::string name) {
  return Sink(Opener([descriptor, name = std::move(name)](const SinkHints& hints) {
    return open_descriptor_sink(descriptor, name, hints);
  }));
}

Sink Sink::discard() {
  return Sink(Opener([](const SinkHints&) { return open_discard_sink(); }));
}

std::unique_ptr<SinkImpl> Sink::open(const SinkHints& hints) && {
  const Opener open = std::exchange(open_, nullptr);
  std::unique_ptr<SinkImpl> impl = open ? open(hints) : nullptr;
  if (!impl) throw Error(errc::invalid_argument, "the sink is empty or was used already");
  return impl;
}

}  // namespace adapipe::inline v0_1
