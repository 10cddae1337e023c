// A zstd file, restored and read by its frames: what they give is what comes out from front to
// back.

#include "codec/zstd_stream.hpp"
#include "container/seekable_layout.hpp"
#include "fuzz/support.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::initializer_list<errc> kAllowed = {errc::not_a_container, errc::truncated,
                                                  errc::corrupt,         errc::unsupported_version,
                                                  errc::limit_exceeded,  errc::resource_exhausted};

struct Decoded {
  std::optional<errc> error{};
  Bytes plain{};
};

Decoded stream(const Bytes& file) {
  Decoded out;
  out.error = refused(kAllowed, [&] {
    std::size_t position = 0;
    ZstdStreamDecoder decoder(
        {},
        [&](std::span<std::byte> to) {
          const std::size_t got = BytesSource(file, 1500).read_at(position, to);
          position += got;
          return got;
        },
        [](std::size_t bytes) {
          if (bytes > 2 << 20) throw Error(errc::resource_exhausted, "more than a fuzzer takes");
        });
    out.plain.resize(kMaxPlainBytes + 1);
    out.plain.resize(decoder.decode(out.plain));
    if (out.plain.size() > kMaxPlainBytes) throw Error(errc::limit_exceeded, "it holds too much");
    require(decoder.offset() == file.size(), "all of the file is looked at");
  });
  return out;
}

/// Read, and restored frame by frame. Nothing if there is an obstacle, or more than a fuzzer has
/// time for.
std::optional<Decoded> by_frames(const Bytes& file) {
  Decoded out;
  bool too_much = false;
  Bytes read;
  const auto error = kind_of([&] {
    const Reader reader = Reader::open(
        Source::memory(file),
        {.cache_bytes = 0, .max_index_memory_bytes = 2 << 20, .runtime = Runtime::serial()});
    too_much = reader.size() > kMaxPlainBytes;
    if (too_much) return;
    read.resize(reader.size());
    require(reader.read_at(0, read) == read.size(), "all can be read");
  });
  if (too_much || error == errc::invalid_argument) return std::nullopt;
  if (error) {
    out.error = refused(kAllowed, [&] { throw Error(*error, "as it was"); });
    return out;
  }
  out.error = refused(kAllowed, [&] {
    restore(Source::memory(file), Sink::memory(out.plain), {.runtime = Runtime::serial()});
  });
  // Nothing is read of an empty frame, so damage to one is not seen.
  require(out.error || out.plain == read, "what is read is what is restored");
  return out;
}

bool may_have_a_table(const Bytes& file) {
  constexpr std::size_t kMagicBytes = sizeof(seekable_layout::kFooterMagic);
  return file.size() >= kMagicBytes &&
         load_le<std::uint32_t>(file.data() + file.size() - kMagicBytes) ==
             seekable_layout::kFooterMagic;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan input = std::as_bytes(std::span(data, size));
  const Bytes file(input.begin(), input.end());
  if (!starts_as_zstd(file)) return 0;
  const std::optional<Decoded> framed = by_frames(file);
  const Decoded streamed = stream(file);
  if (!framed || streamed.error == errc::limit_exceeded ||
      streamed.error == errc::resource_exhausted || framed->error == errc::resource_exhausted)
    return 0;
  if (!framed->error) {
    require(!streamed.error, "what is restored by frames is a zstd file");
    require(framed->plain == streamed.plain, "both ways give the same bytes");
  } else if (!may_have_a_table(file)) {
    require(streamed.error.has_value(), "without a table, both ways refuse the same");
  }
  return 0;
}
