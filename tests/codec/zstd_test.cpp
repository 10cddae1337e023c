#include "codec/zstd.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "util/bytes.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

/// Empty if the codec says that the input is better stored.
Bytes compress(const Bytes& plain, const ZstdOptions& options = {}) {
  const auto codec = zstd_codec(options);
  Bytes out(codec->bound(plain.size()));
  out.resize(codec->make_worker(Direction::forward)->compress(plain, out));
  return out;
}

Bytes decompress(const Bytes& frame, std::size_t max_bytes = kMaxBytes) {
  Buffer out(max_bytes);
  zstd_codec({})->make_worker(Direction::backward)->decompress(frame, out);
  return {out.begin(), out.end()};
}

errc refusal(const Bytes& frame, std::size_t max_bytes = kMaxBytes) {
  return thrown_kind([&] { decompress(frame, max_bytes); });
}

/// A frame of zstd's own making, with what adapipe never writes.
Bytes frame_with(ZSTD_cParameter parameter, int value, const Bytes& plain) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  REQUIRE(ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), parameter, value)) == 0);
  Bytes out(ZSTD_compressBound(plain.size()));
  const std::size_t bytes =
      ZSTD_compress2(context.get(), out.data(), out.size(), plain.data(), plain.size());
  REQUIRE(ZSTD_isError(bytes) == 0);
  out.resize(bytes);
  return out;
}

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST_CASE("for a file, every input becomes a frame with a checksum") {
  const auto codec = zstd_frame_codec(*zstd_codec({}));
  REQUIRE(codec);
  const auto worker = codec->make_worker(Direction::forward);
  for (const std::size_t size : {1u, 100u, 4096u, 1u << 20}) {
    for (const bool compressible : {true, false}) {
      INFO(size << ", compressible " << compressible);
      const Bytes plain = compressible ? compressible_bytes(size, 1) : random_bytes(size, 1);
      Bytes frame(codec->bound(size));
      frame.resize(worker->compress(plain, frame));
      REQUIRE(frame.size() > 5);
      CHECK((frame[4] & std::byte{4}) == std::byte{4});  // Content_Checksum_flag
      CHECK((decompress(frame, size) == plain));
      frame.back() ^= std::byte{1};
      CHECK(refusal(frame, size) == errc::corrupt);
    }
  }
}

TEST_CASE("only zstd has frames for a file") {
  class OtherCodec final : public CodecBackend {
   public:
    std::string id() const override { return kZstdId; }
    std::size_t bound(std::size_t bytes) const override { return bytes; }
    std::unique_ptr<CodecWorker> make_worker(Direction) const override { return nullptr; }
  };
  CHECK(zstd_frame_codec(OtherCodec()) == nullptr);
}

TEST_CASE("what is compressed comes back") {
  const std::vector<ZstdOptions> all_options = {
      {},
      {.level = -7},
      {.level = 1},
      {.level = 19},
      {.level = 22},
      {.level = 3, .window_log = 10},
      {.level = 3, .window_log = 27},
      {.level = 3, .long_distance = true},
      {.level = 19, .window_log = 20, .long_distance = true},
  };
  for (const ZstdOptions& options : all_options) {
    for (const std::size_t size : {100u, 4095u, 4096u, 65'537u, 1u << 20}) {
      INFO("level " << options.level.min() << ", window " << options.window_log << ", " << size);
      const Bytes plain = compressible_bytes(size, 1);
      const Bytes frame = compress(plain, options);
      CHECK_FALSE(frame.empty());
      CHECK(frame.size() < plain.size());
      CHECK((decompress(frame, size) == plain));
    }
  }
}

TEST_CASE("a worker gives the same frame whatever it did before") {
  const auto codec = zstd_codec({});
  const auto worker = codec->make_worker(Direction::forward);
  for (const std::size_t size : {1u << 20, 5000u, 300'000u, 1u << 20}) {
    const Bytes plain = compressible_bytes(size, size);
    Bytes out(codec->bound(size));
    out.resize(worker->compress(plain, out));
    CHECK((out == compress(plain)));
  }
}

TEST_CASE("a frame says its size and holds no checksum and no dictionary") {
  const Bytes frame = compress(compressible_bytes(100'000, 1));
  ZSTD_frameHeader header;
  REQUIRE(ZSTD_getFrameHeader(&header, frame.data(), frame.size()) == 0);
  CHECK(header.frameContentSize == 100'000);
  CHECK(header.checksumFlag == 0);
  CHECK(header.dictID == 0);
}

TEST_CASE("what does not shrink is better stored") {
  for (const std::size_t size : {0u, 1u, 2u, 8u, 4096u, 1u << 20}) {
    INFO(size << " bytes");
    CHECK(compress(random_bytes(size, 1)).empty());
  }
}

TEST_CASE("long distances are found only when asked for") {
  // Pieces of 1 KiB, and the same ones again in the opposite order: each match must be found anew.
  const Bytes once = random_bytes(std::size_t{2} << 20, 1);
  Bytes twice = once;
  for (auto end = once.end(); end != once.begin(); end -= 1024)
    twice.insert(twice.end(), end - 1024, end);
  const std::size_t without = compress(twice, {.level = 1, .window_log = 22}).size();
  const std::size_t with =
      compress(twice, {.level = 1, .window_log = 22, .long_distance = true}).size();
  CHECK(with > 0);
  CHECK(with < twice.size() * 7 / 10);
  CHECK((without == 0 || without > twice.size() * 8 / 10));
}

TEST_CASE("every truncation of a frame is refused") {
  const Bytes frame = compress(compressible_bytes(2000, 1));
  for (std::size_t size = 0; size < frame.size(); ++size) {
    INFO(size << " bytes");
    CHECK(refusal(Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size))) ==
          errc::corrupt);
  }
}

TEST_CASE("a frame with anything before or after it is refused") {
  const Bytes frame = compress(compressible_bytes(2000, 1));
  const Bytes skippable = from_hex("502a4d18 02000000 0000");
  for (const Bytes& extra : {frame, skippable, Bytes(1), Bytes(100), from_text("(\xb5/\xfd")}) {
    CHECK(refusal(joined(frame, extra)) == errc::corrupt);
    if (extra != frame) CHECK(refusal(joined(extra, frame)) == errc::corrupt);
  }
}

TEST_CASE("what is no frame of this format is refused") {
  const Bytes plain = compressible_bytes(2000, 1);
  CHECK(refusal({}) == errc::corrupt);
  CHECK(refusal(Bytes(100)) == errc::corrupt);
  CHECK(refusal(random_bytes(100, 1)) == errc::corrupt);
  CHECK(refusal(from_hex("502a4d18 02000000 0000")) == errc::corrupt);  // skippable frame
  CHECK(refusal(from_hex("27b52ffd 0000 000000")) == errc::corrupt);    // version 0.7
  CHECK(refusal(frame_with(ZSTD_c_contentSizeFlag, 0, plain)) == errc::corrupt);
  CHECK(refusal(frame_with(ZSTD_c_format, ZSTD_f_zstd1_magicless, plain)) == errc::corrupt);
}

TEST_CASE("a frame that needs a dictionary is refused") {
  const Bytes plain = compressible_bytes(2000, 1);
  Bytes frame = compress(plain);
  // Frame header: magic, descriptor (2 bytes of content size follow, single segment), size.
  REQUIRE(frame[4] == std::byte{0x60});
  frame[4] |= std::byte{0x01};
  frame.insert(frame.begin() + 5, std::byte{0x2a});
  CHECK(ZSTD_getDictID_fromFrame(frame.data(), frame.size()) == 0x2a);
  CHECK(refusal(frame) == errc::corrupt);
}

TEST_CASE("a frame that claims another size than it has is refused") {
  const Bytes frame = compress(compressible_bytes(2000, 1));
  REQUIRE(frame[4] == std::byte{0x60});
  for (const int change : {1, 2, 0x100, 0x1000, -1, -2, -0x100}) {
    Bytes other = frame;
    const auto claim = load_le<std::uint16_t>(frame.data() + 5);
    store_le(other.data() + 5, static_cast<std::uint16_t>(claim + change));
    CHECK(refusal(other) == errc::corrupt);
  }
}

TEST_CASE("a claim beyond the limit is refused before memory is taken") {
  const Bytes plain = compressible_bytes(2000, 1);
  const Bytes frame = compress(plain);
  CHECK(refusal(frame, 1999) == errc::corrupt);
  CHECK(refusal(frame, 0) == errc::corrupt);
  CHECK((decompress(frame, 2000) == plain));
  // Single segment with 8 bytes of content size, then one empty last block.
  for (const char* claim : {"ffffffffffffff7f", "0000000001000000"})
    CHECK(refusal(from_hex(std::string("28b52ffd e0") + claim + "010000")) == errc::corrupt);
}

TEST_CASE("every flipped byte is refused or stays within the size that is claimed") {
  const Bytes frame = compress(compressible_bytes(2000, 1));
  for (std::size_t at = 0; at < frame.size(); ++at) {
    Bytes other = frame;
    other[at] ^= std::byte{0xff};
    Buffer out(2000);
    const auto worker = zstd_codec({})->make_worker(Direction::backward);
    const errc kind = thrown_kind([&] { worker->decompress(other, out); });
    INFO("byte " << at);
    CHECK((kind == errc{} || kind == errc::corrupt));
    if (at < 4) CHECK(kind == errc::corrupt);
    worker->decompress(frame, out);
    CHECK((Bytes(out.begin(), out.end()) == compressible_bytes(2000, 1)));
  }
}

TEST_CASE("options out of range are refused by name") {
  struct Case {
    ZstdOptions options;
    std::string word;
  };
  for (const Case& c :
       {Case{{.level = -8}, "level"}, Case{{.level = 23}, "level"},
        Case{{.level = adaptive(-8, 3)}, "level"}, Case{{.level = adaptive(3, 23)}, "level"},
        Case{{.level = adaptive(4, 3)}, "level"}, Case{{.window_log = 9}, "window_log"},
        Case{{.window_log = 28}, "window_log"}, Case{{.window_log = -1}, "window_log"}}) {
    try {
      zstd_codec(c.options);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == errc::invalid_argument);
      CHECK(std::string(error.what()).find(c.word) != std::string::npos);
    }
  }
}

TEST_CASE("the bound of a frame, which limits what readers take, is the one of the format") {
  const auto codec = zstd_codec({});
  for (const std::size_t n : {0u, 1u, 255u, 256u, 5000u, 131'071u, 131'072u, 131'073u, 1u << 28})
    CHECK(codec->bound(n) == n + n / 256 + (n < 131'072 ? (131'072 - n) / 2048 : 0));
}

TEST_CASE("the stage is recorded under its id, without parameters") {
  const auto codec = zstd_codec({.level = 19, .window_log = 20});
  CHECK(codec->id() == "adapipe.zstd");
  CHECK(codec->parameters().empty());
}

/// The most that a context of zstd's own, with the same options, holds when it has compressed
/// inputs of `sizes`; their content does not matter.
std::size_t measured_bytes(const ZstdOptions& options, const std::vector<std::size_t>& sizes) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  const int long_distance = options.long_distance ? ZSTD_ps_enable : ZSTD_ps_disable;
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, options.level.min());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, options.window_log);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_enableLongDistanceMatching, long_distance);
  std::size_t most = 0;
  for (const std::size_t size : sizes) {
    const Bytes plain(size);
    Bytes out(ZSTD_compressBound(size));
    const std::size_t bytes =
        ZSTD_compress2(context.get(), out.data(), out.size(), plain.data(), plain.size());
    REQUIRE(ZSTD_isError(bytes) == 0);
    most = std::max(most, ZSTD_sizeof_CCtx(context.get()));
  }
  return most;
}

TEST_CASE("worker_bytes is at least what a compressor holds, and not twice that") {
  for (const int level : {-7, -1, 0, 1, 2, 3, 6, 9, 12, 16, 19, 22}) {
    for (const std::size_t chunk : {4u << 10, 16u << 10, 100u << 10, 256u << 10, 4u << 20}) {
      for (const bool long_distance : {false, true}) {
        INFO("level " << level << ", chunk " << chunk << ", long " << long_distance);
        const ZstdOptions options{.level = level, .long_distance = long_distance};
        const std::size_t estimate = zstd_codec(options)->worker_bytes(Direction::forward, chunk);
        const std::size_t measured =
            measured_bytes(options, {chunk, chunk - 1, std::min<std::size_t>(chunk, 256u << 10),
                                     std::min<std::size_t>(chunk, 128u << 10),
                                     std::min<std::size_t>(chunk, 16u << 10), 1});
        CHECK(estimate >= measured);
        CHECK(estimate <= 2 * measured);
      }
    }
  }
}

TEST_CASE("worker_bytes of an adaptive level is that of the dearest one") {
  for (const std::size_t chunk : {4u << 10, 256u << 10, 4u << 20}) {
    INFO("chunk " << chunk);
    const auto bytes = [chunk](ZstdLevel level) {
      return zstd_codec({.level = level})->worker_bytes(Direction::forward, chunk);
    };
    std::size_t dearest = 0;
    for (int level = -2; level <= 13; ++level) dearest = std::max(dearest, bytes(level));
    CHECK(bytes(adaptive(-2, 13)) == dearest);
    CHECK(bytes(adaptive(5, 5)) == bytes(5));
  }
}

TEST_CASE("worker_bytes is at least what a decompressor holds") {
  const Bytes plain = compressible_bytes(std::size_t{1} << 20, 1);
  const Bytes frame = compress(plain);
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  Bytes out(plain.size());
  REQUIRE(ZSTD_decompressDCtx(context.get(), out.data(), out.size(), frame.data(), frame.size()) ==
          plain.size());
  const std::size_t estimate = zstd_codec({})->worker_bytes(Direction::backward, plain.size());
  CHECK(estimate >= ZSTD_sizeof_DCtx(context.get()));
  CHECK(estimate <= 2 * ZSTD_sizeof_DCtx(context.get()));
}

}  // namespace
