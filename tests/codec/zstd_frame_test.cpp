#include "codec/zstd_frame.hpp"

#include <adapipe/error.hpp>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "support/zst_file.hpp"

namespace adapipe {

using namespace testing;

TEST_CASE("the head of a zstd frame says what RFC 8878 lets it say") {
  struct Case {
    std::string hex;
    std::uint64_t bytes;
    std::optional<std::uint64_t> content_bytes;
    std::uint64_t window_bytes;
    bool has_checksum;
  };
  const std::vector<Case> cases = {
      {"28B52FFD 20 07", 6, 7, 7, false},
      {"28B52FFD 24 07", 6, 7, 7, true},
      {"28B52FFD 60 0000", 7, 256, 256, false},
      {"28B52FFD A0 01020304", 9, 0x04030201, 0x04030201, false},
      {"28B52FFD E0 0102030405060708", 13, 0x0807060504030201, 0x0807060504030201, false},
      {"28B52FFD 00 00", 6, std::nullopt, 1024, false},
      {"28B52FFD 00 0F", 6, std::nullopt, 2048 + 7 * 256, false},
      {"28B52FFD 00 FF", 6, std::nullopt, (std::uint64_t{1} << 41) / 8 * 15, false},
      {"28B52FFD 40 00 0100", 8, 257, 1024, false},
      {"28B52FFD 21 00 07", 7, 7, 7, false},  // dictionary 0 is none
      {"28B52FFD C3 00 00000000 0000000000000080", 18, std::uint64_t{1} << 63, 1024, false},
  };
  for (const Case& one : cases) {
    INFO(one.hex);
    const Bytes bytes = from_hex(one.hex);
    const ZstdFrameHead head = decode_zstd_frame_head(bytes);
    CHECK_FALSE(head.is_skippable);
    CHECK(head.bytes == one.bytes);
    CHECK(head.content_bytes == one.content_bytes);
    CHECK(head.window_bytes == one.window_bytes);
    CHECK(head.has_checksum == one.has_checksum);
    for (std::size_t kept = 0; kept < bytes.size(); ++kept) {
      INFO(kept << " bytes of it");
      CHECK(thrown_by([&] { decode_zstd_frame_head(ByteSpan(bytes).first(kept)); }).kind() ==
            errc::truncated);
    }
  }
}

TEST_CASE("a skippable frame of any of the 16 magics is as long as it says") {
  for (unsigned nibble = 0; nibble < 16; ++nibble) {
    const ZstdFrameHead head = decode_zstd_frame_head(skippable_frame(nibble, Bytes(nibble)));
    CHECK(head.is_skippable);
    CHECK(head.bytes == 8 + nibble);
  }
  CHECK(decode_zstd_frame_head(from_hex("502A4D18 FFFFFFFF")).bytes == 8 + 0xFFFFFFFFull);
  CHECK(thrown_by([&] { decode_zstd_frame_head(from_hex("5F2A4D18 FFFFFF")); }).kind() ==
        errc::truncated);
}

TEST_CASE("what is no frame, or one that is not supported, is told apart by its head") {
  struct Case {
    std::string hex;
    errc kind;
    std::string says;
    bool starts_as_zstd;
  };
  const std::vector<Case> cases = {
      {"00000000 00 00", errc::corrupt, "follows the last zstd frame", false},
      {"28B52FFE 00 00", errc::corrupt, "follows the last zstd frame", false},
      {"602A4D18 00000000", errc::corrupt, "follows the last zstd frame", false},
      {"29", errc::corrupt, "follows the last zstd frame", false},
      {"28B52E", errc::corrupt, "follows the last zstd frame", false},
      {"FD2FB51E", errc::unsupported_version, "before 0.8", true},
      {"22B52FFD 00 00", errc::unsupported_version, "before 0.8", true},
      {"27B52FFD 00 00", errc::unsupported_version, "before 0.8", true},
      {"28B52FFD 08 00", errc::unsupported_version, "does not exist yet", true},
      {"28B52FFD 21 FE 07", errc::unsupported_version, "dictionary 254", true},
      {"28B52FFD 22 0001 07", errc::unsupported_version, "dictionary 256", true},
  };
  for (const Case& one : cases) {
    INFO(one.hex);
    const Bytes bytes = from_hex(one.hex);
    const Error error = thrown_by([&] { decode_zstd_frame_head(bytes); });
    CHECK(error.kind() == one.kind);
    CHECK(std::string(error.what()).find(one.says) != std::string::npos);
    CHECK(starts_as_zstd(bytes) == one.starts_as_zstd);
  }
}

TEST_CASE("the decoder of frames takes exactly one that gives exactly what was said") {
  const Bytes plain = compressible_bytes(5000, 1);
  for (const bool says_size : {true, false}) {
    const Bytes frame = zst_frame(plain, {.says_size = says_size});
    ZstdFrameDecoder decoder;
    Bytes out(plain.size());
    decoder.decode(frame, out);
    CHECK(out == plain);

    const auto refused = [&](const Bytes& changed, std::size_t plain_bytes) {
      out.resize(plain_bytes);
      return thrown_by([&] { decoder.decode(changed, out); }).kind() == errc::corrupt;
    };
    CHECK(refused(frame, plain.size() + 1));
    CHECK(refused(frame, plain.size() - 1));
    CHECK(refused(frame, 0));
    CHECK(refused(joined({frame, Bytes(1)}), plain.size()));
    CHECK(refused(joined({frame, frame}), 2 * plain.size()));
    CHECK(refused(joined({skippable_frame(0, {}), frame}), plain.size()));
    CHECK(refused(Bytes(frame.begin(), frame.end() - 1), plain.size()));
  }
  ZstdFrameDecoder decoder;
  decoder.decode(zst_frame({}), {});
}

TEST_CASE("a frame that is decoded at once may refer back less than 4 GiB, however small it is") {
  ZstdFrameDecoder decoder;
  Bytes out(1);
  decoder.decode(from_hex("28B52FFD 80 AF 01000000 090000 61"), out);
  CHECK(out == from_text("a"));
  for (const std::string window : {"B0", "FF"})
    CHECK(thrown_by([&] {
            decoder.decode(from_hex("28B52FFD 80" + window + "01000000 090000 61"), out);
          }).kind() == errc::limit_exceeded);
}

}  // namespace adapipe
