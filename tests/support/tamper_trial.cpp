#include "support/tamper_trial.hpp"

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>

#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/tamper.hpp"
#include "support/thrown.hpp"

namespace adapipe::testing {

namespace {

/// What a sink got.
struct Delivery {
  std::atomic<bool> wrong{false};
  std::atomic<bool> committed{false};
};

bool is_part_of(const Bytes& plain, std::uint64_t offset, std::span<const std::byte> part) {
  return offset <= plain.size() && part.size() <= plain.size() - offset &&
         std::equal(part.begin(), part.end(), plain.begin() + static_cast<std::ptrdiff_t>(offset));
}

class ComparingStream final : public SinkImpl {
 public:
  ComparingStream(const Bytes& plain, Delivery& delivery) : plain_(plain), delivery_(delivery) {}
  void write(std::span<const std::byte> bytes) override {
    if (!is_part_of(plain_, position_, bytes)) delivery_.wrong = true;
    position_ += bytes.size();
  }
  void commit() override { delivery_.committed = true; }
  void abandon() noexcept override {}

 private:
  const Bytes& plain_;
  Delivery& delivery_;
  std::uint64_t position_ = 0;
};

class ComparingSink final : public PositionalSinkImpl {
 public:
  ComparingSink(const Bytes& plain, Delivery& delivery) : plain_(plain), delivery_(delivery) {}
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    if (!is_part_of(plain_, offset, bytes)) delivery_.wrong = true;
  }
  void commit() override { delivery_.committed = true; }
  void abandon() noexcept override {}
  bool may_wait() const noexcept override { return false; }

 private:
  const Bytes& plain_;
  Delivery& delivery_;
};

class Trial {
 public:
  Trial(const Subject& subject, const Edit& edit, const Runtime& runtime)
      : subject_(subject),
        sound_(subject.sealed),
        edited_(edit.bytes),
        expected_(edit.expected),
        serial_(runtime.is_serial()),
        options_(subject.options) {
    options_.runtime = runtime;
    opens_ = edited_.size() == subject.sealed.size() && same(0, sound_.head.size()) &&
             same(sound_.offset_of(sound_.chunks()), edited_.size());
    for (std::size_t k = 0; opens_ && k < sound_.chunks(); ++k)
      if (!same(sound_.offset_of(k), sound_.offset_of(k + 1))) damaged_.push_back(k);
  }

  std::vector<std::string> run() && {
    if (opens_ && damaged_.empty()) complain("the edit", "changes nothing");
    for (const bool by_index : {false, true}) {
      restore_into<ComparingStream>(by_index);
      restore_into<ComparingSink>(by_index);
      check_refused(by_index ? "verify by index" : "verify from front", by_index,
                    thrown_by([&] { verify(source(by_index), options_); }));
    }
    Bytes memory = from_text("gone");
    thrown_by([&] { restore(source(true), Sink::memory(memory), options_); });
    if (!memory.empty()) complain("restore into memory", "leaves bytes behind");
    check_reader();
    check_inspect();
    return std::move(complaints_);
  }

 private:
  bool same(std::size_t begin, std::size_t end) const {
    const auto at = [](const Bytes& bytes, std::size_t offset) {
      return bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    };
    return std::equal(at(edited_, begin), at(edited_, end), at(subject_.sealed, begin));
  }

  void complain(const std::string& reader, const std::string& what) {
    complaints_.push_back(reader + " " + what);
  }

  Source source(bool by_index) const {
    if (by_index) return Source::memory(edited_);
    return {std::make_unique<HookedStream>(edited_, BeforeCall())};
  }

  template <typename ComparingImpl>
  void restore_into(bool by_index) {
    Delivery delivery;
    const Error error = thrown_by([&] {
      restore(source(by_index), {std::make_unique<ComparingImpl>(subject_.plain, delivery)},
              options_);
    });
    const std::string reader = by_index ? "restore by index" : "restore from front";
    if (delivery.wrong) complain(reader, "writes a wrong byte");
    if (delivery.committed) complain(reader, "commits");
    check_refused(reader, by_index, error);
  }

  void check_refused(const std::string& reader, bool by_index, const Error& error) {
    check_kind(reader, by_index, error);
    if (error.kind() == errc{}) return;
    if (!error.path()) complain(reader, "does not name the input");
    check_place(reader, by_index, error);
  }

  void check_kind(const std::string& reader, bool by_index, const Error& error) {
    const errc kind = by_index ? expected_.by_index : expected_.from_front;
    const bool dry = !by_index && expected_.may_run_dry && error.kind() == errc::truncated;
    if (error.kind() != kind && !dry)
      complain(reader, "says '" + std::string(error.what()) + "', " + error.code().message() +
                           ", instead of " + make_error_code(kind).message());
  }

  void check_place(const std::string& reader, bool by_index, const Error& error) {
    if (error.kind() == errc::wrong_key) return;
    const bool right = by_index ? is_right_place_by_index(error) : is_right_place_from_front(error);
    if (!right) complain(reader, "is wrong about the place: " + std::string(error.what()));
  }

  bool is_right_place_from_front(const Error& error) const {
    if (!error.offset() || *error.offset() > edited_.size()) return false;
    if (error.kind() == errc::truncated) return *error.offset() == edited_.size();
    if (!expected_.chunk) return error.chunk().value_or(0) <= sound_.chunks();
    if (!serial_) return error.chunk() >= expected_.chunk;
    return error.chunk() == expected_.chunk && *error.offset() == sound_.offset_of(*error.chunk());
  }

  bool is_right_place_by_index(const Error& error) const {
    if (!error.offset() || *error.offset() > edited_.size()) return false;
    if (!opens_) return !error.chunk();
    if (!error.chunk() || *error.offset() != sound_.offset_of(*error.chunk())) return false;
    return serial_ ? *error.chunk() == damaged_.front()
                   : std::ranges::count(damaged_, *error.chunk()) == 1;
  }

  ReaderOptions reader_options() const {
    return {.identities = options_.identities,
            .context = options_.context,
            .registry = options_.registry};
  }

  void check_reader() {
    std::optional<Reader> reader;
    const Error error =
        thrown_by([&] { reader = Reader::open(Source::memory(edited_), reader_options()); });
    if (opens_ != reader.has_value()) complain("Reader", "opens or not, against the promise");
    if (!reader) return check_refused("Reader::open", true, error);
    if (!opens_) return;
    for (std::size_t k = 0; k < sound_.chunks(); ++k) {
      const std::size_t begin = k * subject_.chunk_bytes;
      check_range(*reader, begin, std::min(begin + subject_.chunk_bytes, subject_.plain.size()));
    }
    check_range(*reader, 0, subject_.plain.size());
  }

  /// Chunks up to the first damaged one are read, and nothing is written behind them.
  void check_range(const Reader& reader, std::size_t begin, std::size_t end) {
    static constexpr std::byte kUntouched{0xEE};
    Bytes got(end - begin, kUntouched);
    std::size_t good = got.size();
    for (const std::uint64_t k : damaged_) {
      const std::size_t damaged_at = k * subject_.chunk_bytes;
      if (damaged_at >= begin && damaged_at < end) good = std::min(good, damaged_at - begin);
    }
    const Error error = thrown_by([&] { reader.read_at(begin, got); });
    if (!is_part_of(subject_.plain, begin, std::span(got).first(good)))
      complain("Reader", "reads a sound chunk wrongly");
    if (std::ranges::any_of(std::span(got).subspan(good),
                            [](std::byte b) { return b != kUntouched; }))
      complain("Reader", "hands out a damaged chunk");
    if (good == got.size()) {
      if (error.kind() != errc{}) complain("Reader", "refuses sound chunks: " + message_of(error));
      return;
    }
    check_kind("Reader", true, error);
    if (error.chunk() != (begin + good) / subject_.chunk_bytes)
      complain("Reader", "names another chunk: " + message_of(error));
  }

  static std::string message_of(const Error& error) { return error.what(); }

  void check_inspect() {
    const Error error = thrown_by([&] { inspect(Source::memory(edited_)); });
    const bool refuses = subject_.encrypted ? expected_.head_fails : !opens_;
    if (refuses) return check_refused("inspect", true, error);
    if (error.kind() != errc{}) complain("inspect", "refuses a sound header: " + message_of(error));
  }

  const Subject& subject_;
  const Tampered sound_;
  const Bytes& edited_;
  const Expected& expected_;
  const bool serial_;
  RestoreOptions options_;
  bool opens_ = false;                  // for random access: head, index and trailer are sound
  std::vector<std::uint64_t> damaged_;  // chunks, if it opens
  std::vector<std::string> complaints_;
};

}  // namespace

void hold(const Subject& subject, const Edits& edits, const Runtime& runtime) {
  CHECK_FALSE(edits.empty());
  for (const Edit& edit : edits)
    for (const std::string& complaint : Trial(subject, edit, runtime).run())
      FAIL_CHECK(subject.name << ", " << edit.what << ": " << complaint);
}

}  // namespace adapipe::testing
