#include <adapipe/iostream.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <streambuf>
#include <utility>
#include <vector>

#include "graph/failure_latch.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// Enough to make calls rare; larger reads and writes go past it.
constexpr std::size_t kBufferBytes = 16 * 1024;

std::span<std::byte> bytes_at(char* text, std::streamsize size) {
  return std::as_writable_bytes(std::span(text, static_cast<std::size_t>(size)));
}
std::span<const std::byte> bytes_at(const char* text, std::streamsize size) {
  return std::as_bytes(std::span(text, static_cast<std::size_t>(size)));
}

/// Keeps the first error.
class FirstError {
 public:
  /// Runs `action`; keeps what it throws and throws it as an Error.
  template <typename Action>
  auto kept(const Action& action) {
    try {
      return action();
    } catch (...) {
      Error error = FailureLatch::current_exception_as_error(errc::io_error);
      if (!error_) error_ = error;
      throw error;
    }
  }
  const Error* get() const noexcept { return error_ ? &*error_ : nullptr; }

 private:
  std::optional<Error> error_;
};

}  // namespace

class istream::Buffer final : public std::streambuf {
 public:
  void open(Source container, ReaderOptions options) {
    error.kept([&] { reader.emplace(Reader::open(std::move(container), std::move(options))); });
  }

  std::optional<Reader> reader;
  FirstError error;

 protected:
  int_type underflow() override {
    read_on(bytes_.data(), kBufferBytes);
    return gptr() == egptr() ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }

  std::streamsize xsgetn(char* to, std::streamsize size) override {
    const std::streamsize at_hand = std::min<std::streamsize>(size, egptr() - gptr());
    std::copy_n(gptr(), at_hand, to);
    setg(eback(), gptr() + at_hand, egptr());
    if (size - at_hand < static_cast<std::streamsize>(kBufferBytes))
      return at_hand + (at_hand < size ? std::streambuf::xsgetn(to + at_hand, size - at_hand) : 0);
    const std::size_t got = read_at(position_, bytes_at(to + at_hand, size - at_hand));
    forget_buffered(position_ + got);
    return at_hand + static_cast<std::streamsize>(got);
  }

  int_type pbackfail(int_type byte) override {
    const off_type before = here() - 1;
    if (before < 0) return traits_type::eof();
    seekpos(before, std::ios_base::in);
    const int_type there = sgetc();
    if (traits_type::eq_int_type(byte, traits_type::eof()) || traits_type::eq_int_type(byte, there))
      return traits_type::not_eof(there);
    sbumpc();  // what is read cannot be changed
    return traits_type::eof();
  }

  std::streamsize showmanyc() override {
    const std::uint64_t rest = reader ? reader->size() - position_ : 0;
    return rest > 0 ? static_cast<std::streamsize>(rest) : -1;
  }

  pos_type seekoff(off_type offset, std::ios_base::seekdir from,
                   std::ios_base::openmode which) override {
    if (!reader || (which & std::ios_base::in) == 0) return pos_type(off_type(-1));
    off_type start = 0;
    if (from == std::ios_base::cur) start = here();
    if (from == std::ios_base::end) start = static_cast<off_type>(reader->size());
    off_type target = 0;
    if (__builtin_add_overflow(start, offset, &target)) return pos_type(off_type(-1));
    return seekpos(target, which);
  }

  pos_type seekpos(pos_type target, std::ios_base::openmode which) override {
    const off_type offset = target;
    if (!reader || (which & std::ios_base::in) == 0 || offset < 0 ||
        offset > static_cast<off_type>(reader->size()))
      return pos_type(off_type(-1));
    const off_type ahead = offset - here();
    if (ahead >= eback() - gptr() && ahead <= egptr() - gptr())
      setg(eback(), gptr() + ahead, egptr());
    else
      forget_buffered(static_cast<std::uint64_t>(offset));
    return target;
  }

 private:
  /// Plain offset of the next byte to be given.
  off_type here() const { return static_cast<off_type>(position_) - (egptr() - gptr()); }

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) {
    return error.kept([&] { return reader ? reader->read_at(offset, to) : 0; });
  }
  void forget_buffered(std::uint64_t position) {
    position_ = position;
    setg(nullptr, nullptr, nullptr);
  }
  void read_on(char* to, std::size_t size) {
    forget_buffered(position_);  // what it held is gone, also if this throws
    const std::size_t got = read_at(position_, std::as_writable_bytes(std::span(to, size)));
    position_ += got;
    setg(to, to, to + got);
  }

  std::vector<char> bytes_ = std::vector<char>(kBufferBytes);
  std::uint64_t position_ = 0;  // plain offset of egptr()
};

istream::istream(Source container, ReaderOptions options)
    : std::istream(nullptr), buffer_(std::make_unique<Buffer>()) {
  init(buffer_.get());
  try {
    buffer_->open(std::move(container), std::move(options));
  } catch (const Error&) {
    setstate(std::ios_base::failbit);
  }
}

istream::istream(Reader reader) : std::istream(nullptr), buffer_(std::make_unique<Buffer>()) {
  init(buffer_.get());
  buffer_->reader = std::move(reader);
}

istream::istream(istream&& other) noexcept
    : std::istream(std::move(other)), buffer_(std::move(other.buffer_)) {
  set_rdbuf(buffer_.get());
  other.set_rdbuf(nullptr);
}

istream& istream::operator=(istream&& other) noexcept {
  std::istream::operator=(std::move(other));
  buffer_ = std::move(other.buffer_);
  set_rdbuf(buffer_.get());
  other.set_rdbuf(nullptr);
  return *this;
}

istream::~istream() = default;

bool istream::is_open() const noexcept { return buffer_ && buffer_->reader; }
const Error* istream::error() const noexcept { return buffer_ ? buffer_->error.get() : nullptr; }
const Reader& istream::reader() const noexcept { return *buffer_->reader; }

class ostream::Buffer final : public std::streambuf {
 public:
  Buffer() { setp(bytes_.data(), bytes_.data() + bytes_.size()); }

  /// Whatever is written then goes to overflow(), which refuses it.
  void drop_writer() noexcept {
    writer.reset();
    setp(nullptr, nullptr);
  }

  void open(const Pipeline& pipeline, Sink container, ProcessOptions options) {
    error.kept([&] { writer.emplace(pipeline, std::move(container), std::move(options)); });
  }
  /// Throws what went wrong, now or before.
  Report finish() {
    if (const Error* const earlier = error.get()) throw Error(*earlier);
    return error.kept([&] {
      hand_over();
      return writer.value().finish();
    });
  }

  std::optional<Writer> writer;
  std::optional<Report> report;
  FirstError error;
  const int exceptions_at_first = std::uncaught_exceptions();

 protected:
  int_type overflow(int_type next) override {
    error.kept([&] { hand_over(); });
    if (traits_type::eq_int_type(next, traits_type::eof())) return traits_type::not_eof(next);
    *pptr() = traits_type::to_char_type(next);
    pbump(1);
    return next;
  }

  std::streamsize xsputn(const char* from, std::streamsize size) override {
    if (size < epptr() - pptr()) return std::streambuf::xsputn(from, size);
    error.kept([&] {
      hand_over();
      write(bytes_at(from, size));
    });
    return size;
  }

  int sync() override {
    error.kept([&] { hand_over(); });
    return 0;
  }

  pos_type seekoff(off_type offset, std::ios_base::seekdir from,
                   std::ios_base::openmode which) override {
    if (!writer || offset != 0 || from != std::ios_base::cur || (which & std::ios_base::out) == 0)
      return pos_type(off_type(-1));
    return static_cast<off_type>(written_bytes_) + (pptr() - pbase());
  }

 private:
  void hand_over() {
    write(bytes_at(pbase(), pptr() - pbase()));
    setp(bytes_.data(), bytes_.data() + bytes_.size());
  }
  void write(std::span<const std::byte> bytes) {
    if (!writer) throw Error(errc::invalid_argument, "the stream is closed");
    writer->write(bytes);
    written_bytes_ += bytes.size();
  }

  std::vector<char> bytes_ = std::vector<char>(kBufferBytes);
  std::uint64_t written_bytes_ = 0;
};

ostream::ostream(const Pipeline& pipeline, Sink container, ProcessOptions options)
    : std::ostream(nullptr), buffer_(std::make_unique<Buffer>()) {
  init(buffer_.get());
  try {
    buffer_->open(pipeline, std::move(container), std::move(options));
  } catch (const Error&) {
    setstate(std::ios_base::failbit);
  }
}

ostream::ostream(ostream&& other) noexcept
    : std::ostream(std::move(other)), buffer_(std::move(other.buffer_)) {
  set_rdbuf(buffer_.get());
  other.set_rdbuf(nullptr);
}

ostream& ostream::operator=(ostream&& other) noexcept {
  if (this == &other) return *this;
  close_or_abandon();
  std::ostream::operator=(std::move(other));
  buffer_ = std::move(other.buffer_);
  set_rdbuf(buffer_.get());
  other.set_rdbuf(nullptr);
  return *this;
}

ostream::~ostream() { close_or_abandon(); }

void ostream::close_or_abandon() noexcept {
  if (!is_open()) return;
  const bool unwinding = std::uncaught_exceptions() > buffer_->exceptions_at_first;
  try {
    if (!unwinding && !fail()) buffer_->finish();
  } catch (...) {  // close() would have told
  }
  buffer_->drop_writer();
}

void ostream::close() {
  if (!is_open()) return setstate(std::ios_base::failbit);
  try {
    if (!fail()) buffer_->report = buffer_->finish();  // else it misses what came after that
  } catch (const Error&) {
  }
  buffer_->drop_writer();
  if (!buffer_->report) setstate(std::ios_base::failbit);
}

std::optional<Report> ostream::report() const { return buffer_ ? buffer_->report : std::nullopt; }
bool ostream::is_open() const noexcept { return buffer_ && buffer_->writer; }
const Error* ostream::error() const noexcept { return buffer_ ? buffer_->error.get() : nullptr; }
Writer& ostream::writer() noexcept { return *buffer_->writer; }

}  // namespace adapipe::inline v0_1
