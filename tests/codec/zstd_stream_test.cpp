#include "codec/zstd_stream.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <string>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "support/zst_file.hpp"

namespace adapipe {

using namespace testing;

namespace {

/// Decodes `file`, of which `front_bytes` were read before, in pieces.
struct Decoded {
  std::size_t read_bytes = SIZE_MAX;
  std::size_t write_bytes = 1000;
  std::size_t reserved_bytes = 0;

  Bytes operator()(const Bytes& file, std::size_t front_bytes = 4) {
    front_bytes = std::min(front_bytes, file.size());
    std::size_t at = front_bytes;
    ZstdStreamDecoder decoder(
        ByteSpan(file).first(front_bytes),
        [&](std::span<std::byte> to) {
          const std::size_t bytes = std::min({to.size(), file.size() - at, read_bytes});
          std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), bytes, to.begin());
          at += bytes;
          return bytes;
        },
        [&](std::size_t bytes) { reserved_bytes += bytes; });
    Bytes out;
    for (;;) {
      const std::size_t before = out.size();
      out.resize(before + write_bytes);
      const std::size_t got = decoder.decode(std::span(out).subspan(before));
      out.resize(before + got);
      if (got < write_bytes) break;
    }
    CHECK(decoder.offset() == file.size());
    return out;
  }
};

}  // namespace

TEST_CASE("frames in a row are decoded from front to back, in pieces of any size") {
  const Bytes a = compressible_bytes(300'000, 1);
  const Bytes b = random_bytes(5000, 2);
  const Bytes file =
      joined({skippable_frame(0, Bytes(7)), zst_frame(a, {.says_size = false}), zst_frame({}),
              skippable_frame(15, {}), zst_frame(b), skippable_frame(3, Bytes(200'000))});
  const Bytes plain = joined({a, b});
  for (const std::size_t read_bytes : {std::size_t{1}, std::size_t{777}, SIZE_MAX})
    for (const std::size_t write_bytes :
         {std::size_t{1}, std::size_t{4096}, plain.size(), plain.size() + 1})
      for (const std::size_t front_bytes : {std::size_t{0}, std::size_t{4}, file.size()}) {
        if (read_bytes == 1 && write_bytes == 1) continue;
        INFO(read_bytes << " read, " << write_bytes << " written, after " << front_bytes);
        CHECK(Decoded{.read_bytes = read_bytes, .write_bytes = write_bytes}(file, front_bytes) ==
              plain);
      }
  CHECK(Decoded()(Bytes()).empty());
  CHECK(Decoded()(zst_frame({})).empty());
}

TEST_CASE("a stream of frames that is cut short is truncated, unless where a frame ends") {
  const Bytes a = compressible_bytes(3000, 1);
  const Bytes frame = zst_frame(a);
  const Bytes file = joined({frame, skippable_frame(0, Bytes(3)), frame});
  for (std::size_t kept = 1; kept < file.size(); ++kept) {
    INFO(kept);
    const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(kept));
    if (kept == frame.size() || kept == frame.size() + 11) {
      CHECK(Decoded()(cut) == a);
      continue;
    }
    CHECK(thrown_by([&] { Decoded()(cut); }).kind() == errc::truncated);
  }
}

TEST_CASE("what is wrong with a stream of frames is told with frame and offset") {
  const Bytes a = compressible_bytes(3000, 1);
  const Bytes frame = zst_frame(a);
  Bytes bad_sum = frame;
  bad_sum.back() ^= std::byte{1};
  const Error checksum = thrown_by([&] { Decoded()(joined({frame, bad_sum})); });
  CHECK(checksum.kind() == errc::corrupt);
  CHECK(checksum.chunk() == 1);
  CHECK(checksum.offset() == frame.size());

  const Error garbage = thrown_by([&] { Decoded()(joined({frame, from_text("garbage")})); });
  CHECK(garbage.kind() == errc::corrupt);
  CHECK(garbage.chunk() == 1);
  CHECK(garbage.offset() == frame.size());

  const Error skipping = thrown_by([&] {
    Decoded()(joined({frame, from_hex("502A4D18 FFFFFFFF")}));
  });
  CHECK(skipping.kind() == errc::truncated);
  CHECK(skipping.chunk() == 1);
}

TEST_CASE("the window of a frame is asked for before it is taken, up to 128 MiB") {
  const Bytes small = from_hex("28B52FFD 00 88 010000");
  Decoded decoded;
  decoded(joined({small, small}));
  CHECK(decoded.reserved_bytes > (std::size_t{1} << 27));
  CHECK(decoded.reserved_bytes < (std::size_t{1} << 27) + (1 << 20));

  // For frames with smaller ones behind it, no more.
  const std::size_t reserved_bytes = decoded.reserved_bytes;
  decoded.reserved_bytes = 0;
  decoded(joined({from_hex("28B52FFD 00 00 010000"), small, from_hex("28B52FFD 00 00 010000")}));
  CHECK(decoded.reserved_bytes == reserved_bytes);

  // No more of it than the frame says that there is to refer to.
  Decoded little;
  little(from_hex("28B52FFD 80 88 00000000 010000"));
  CHECK(little.reserved_bytes < (1 << 20));

  const Error error = thrown_by([&] { Decoded()(from_hex("28B52FFD 00 89 010000")); });
  CHECK(error.kind() == errc::limit_exceeded);
  CHECK(std::string(error.what()).find("134217728") != std::string::npos);
}

}  // namespace adapipe
