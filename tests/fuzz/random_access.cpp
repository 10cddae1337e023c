// Reader over an input that changes while it is read.

#include "codec/zstd_frame.hpp"
#include "fuzz/support.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

/// One change of the input and one range to read. Places and lengths are taken modulo what there
/// is.
struct ReadStep {
  std::uint16_t edit_at;
  std::uint8_t edit;  ///< bits that flip; 0 changes nothing, 255 cuts the input off there
  std::uint16_t read_at;
  std::uint16_t read_bytes;
};
constexpr std::size_t kStepBytes = 7;
constexpr std::uint8_t kCut = 255;

std::vector<ReadStep> take_steps(ByteSpan& input) {
  std::vector<ReadStep> steps;
  if (input.empty()) return steps;
  ByteReader reader(input, "the fuzzer's input");
  const std::size_t count = reader.get<std::uint8_t>() % 16u;
  while (steps.size() < count && reader.rest().size() >= kStepBytes)
    steps.push_back({.edit_at = reader.get<std::uint16_t>(),
                     .edit = reader.get<std::uint8_t>(),
                     .read_at = reader.get<std::uint16_t>(),
                     .read_bytes = reader.get<std::uint16_t>()});
  input = reader.rest();
  return steps;
}

/// Makes the next change before every read.
class ChangingSource final : public PositionalSourceImpl {
 public:
  ChangingSource(Bytes bytes, std::span<const ReadStep> steps)
      : bytes_(std::move(bytes)), total_(bytes_.size()), steps_(steps) {}

  std::uint64_t total_bytes() const override { return total_; }
  bool may_wait() const noexcept override { return false; }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    if (next_ < steps_.size()) change(steps_[next_++]);
    return BytesSource(bytes_, 1500).read_at(offset, to);
  }

 private:
  void change(const ReadStep& step) {
    if (bytes_.empty()) return;
    const std::size_t at = step.edit_at % bytes_.size();
    if (step.edit == kCut)
      bytes_.resize(at);
    else
      bytes_[at] ^= std::byte{step.edit};
  }

  Bytes bytes_;
  const std::uint64_t total_;
  std::span<const ReadStep> steps_;
  std::size_t next_ = 0;
};

ReaderOptions options() {
  return {.identities = fuzz_identities(),
          .cache_bytes = 0,
          .registry = fuzz_registry(),
          .allow_unencrypted = true,
          .runtime = Runtime::serial()};
}

constexpr std::initializer_list<errc> kAllowed = {
    errc::not_a_container, errc::truncated,     errc::unsupported_version, errc::corrupt,
    errc::wrong_key,       errc::unknown_stage, errc::limit_exceeded};

/// The plain bytes of the container while nothing changes it; nothing if they cannot be had, or if
/// there are more than a fuzzer has time for.
std::optional<Bytes> all_of(const Bytes& container) {
  Bytes plain;
  const auto error = refused(kAllowed, [&] {
    const Reader reader = Reader::open(Source::memory(container), options());
    if (reader.size() > kMaxPlainBytes) throw Error(errc::limit_exceeded, "it holds too much");
    plain.resize(reader.size());
    plain.resize(reader.read_at(0, plain));
  });
  if (error) return std::nullopt;
  return plain;
}

/// `expected` has what the container holds if it is encrypted and sound: then whatever is handed
/// out is that, whoever changes the input.
void check_reads(Reader reader, std::span<const ReadStep> steps,
                 const std::optional<Bytes>& expected) {
  if (reader.size() > kMaxPlainBytes) return;
  require(!expected || reader.size() == expected->size(), "the size is the authentic one");
  Bytes read;
  for (const ReadStep& step : steps) {
    const std::uint64_t at = step.read_at % (reader.size() + 1);
    read.resize(step.read_bytes);
    std::size_t got = 0;
    if (refused(kAllowed, [&] { got = reader.read_at(at, read); })) continue;
    require(got == std::min<std::uint64_t>(read.size(), reader.size() - at),
            "a read gives all that it was asked for");
    require(!expected || std::equal(read.begin(), read.begin() + std::ptrdiff_t(got),
                                    expected->begin() + std::ptrdiff_t(at)),
            "no wrong byte is handed out");
  }
}

}  // namespace

/// A `u8` and as many steps, then what container_from() takes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteSpan input = std::as_bytes(std::span(data, size));
  const std::vector<ReadStep> steps = take_steps(input);
  const Bytes container = container_from(input);
  if (starts_as_zstd(container)) return 0;  // the zstd_file target takes those
  std::optional<Bytes> expected = all_of(container);
  refused(kAllowed, [&] {
    Reader reader =
        Reader::open(Source(std::make_unique<ChangingSource>(container, steps)), options());
    if (!reader.info().authenticated) expected.reset();
    check_reads(std::move(reader), steps, expected);
  });
  return 0;
}
