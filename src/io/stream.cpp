#include "io/stream.hpp"

#include <adapipe/error.hpp>
#include <cstddef>
#include <exception>
#include <ios>
#include <span>
#include <string>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

Error stream_error(std::string message, const std::string& name) {
  return Error(errc::io_error, std::move(message)).in_file(name);
}

class StreamSource final : public SourceImpl {
 public:
  explicit StreamSource(std::shared_ptr<std::istream> stream) : stream_(std::move(stream)) {
    if (!stream_ || stream_->fail()) throw stream_error("the stream is in a bad state", name());
  }

  std::size_t read(std::span<std::byte> to) override {
    try {
      stream_->read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
    } catch (const std::exception& error) {
      // A stream may be set to throw at its end as well.
      if (stream_->bad() || !stream_->eof())
        throw stream_error(std::string("cannot read: ") + error.what(), name());
    }
    if (stream_->bad() || (stream_->fail() && !stream_->eof()))
      throw stream_error("cannot read from the stream", name());
    return static_cast<std::size_t>(stream_->gcount());
  }

 private:
  std::shared_ptr<std::istream> stream_;
};

class StreamSink final : public SinkImpl {
 public:
  explicit StreamSink(std::shared_ptr<std::ostream> stream) : stream_(std::move(stream)) {
    if (!stream_ || stream_->fail()) throw stream_error("the stream is in a bad state", name());
  }

  void write(std::span<const std::byte> bytes) override {
    checked("cannot write", [&] {
      stream_->write(reinterpret_cast<const char*>(bytes.data()),
                     static_cast<std::streamsize>(bytes.size()));
    });
  }
  void commit() override {
    checked("cannot flush", [&] { stream_->flush(); });
  }
  void abandon() noexcept override {}
  void sync() override { commit(); }

 private:
  template <typename Action>
  void checked(const char* what, const Action& action) {
    try {
      action();
    } catch (const std::exception& error) {
      throw stream_error(std::string(what) + ": " + error.what(), name());
    }
    if (stream_->fail()) throw stream_error(what, name());
  }

  std::shared_ptr<std::ostream> stream_;
};

}  // namespace

std::unique_ptr<SourceImpl> open_stream_source(std::shared_ptr<std::istream> stream) {
  return std::make_unique<StreamSource>(std::move(stream));
}

std::unique_ptr<SinkImpl> open_stream_sink(std::shared_ptr<std::ostream> stream) {
  return std::make_unique<StreamSink>(std::move(stream));
}

}  // namespace adapipe::inline v0_1
