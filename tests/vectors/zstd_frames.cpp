#include "vectors/draft.hpp"

namespace adapipe::testing {
namespace {

/// A frame of RFC 8878, put together by hand: what zstd compresses to differs between its versions,
/// but every one reads this.
struct Frame {
  std::uint8_t descriptor = 0x20;  ///< single segment, one byte of content size
  Bytes fields{};                  ///< between the descriptor and the blocks
  Bytes blocks{};
  Bytes checksum{};

  Bytes bytes() const {
    ByteWriter out;
    out.put(from_hex("28 B5 2F FD")).put(descriptor).put(fields).put(blocks).put(checksum);
    return std::move(out).take();
  }
};

enum class BlockType : std::uint32_t { raw = 0, rle = 1 };

/// `size`: bytes that come out. `last` in the frame.
Bytes block(BlockType type, std::uint32_t size, std::string_view content, bool last = true) {
  const std::uint32_t head = size << 3 | static_cast<std::uint32_t>(type) << 1 | (last ? 1u : 0u);
  ByteWriter out;
  out.put(static_cast<std::uint16_t>(head)).put(static_cast<std::uint8_t>(head >> 16));
  return std::move(out.put(as_bytes(content))).take();
}

Bytes raw(std::string_view text) {
  return block(BlockType::raw, static_cast<std::uint32_t>(text.size()), text);
}

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// The low half of XXH64 over the content.
Bytes checksum(std::string_view content) {
  const auto hash = static_cast<std::uint32_t>(XXH64(content.data(), content.size(), 0));
  return std::move(ByteWriter().put(hash)).take();
}

Bytes hello_frame() { return Frame{.fields = from_hex("05"), .blocks = raw("hello")}.bytes(); }

DraftRecord chunk(std::uint32_t plain_bytes, Bytes data) {
  return {.plain_bytes = plain_bytes, .data = std::move(data)};
}

/// Every form of the content size, with and without a window and a checksum, several blocks.
std::vector<DraftRecord> good_chunks() {
  const Bytes zeros = block(BlockType::rle, 300, "0");
  const Bytes mixed =
      joined(block(BlockType::rle, 4000, "x", false), block(BlockType::raw, 4, "tail"));
  std::vector<DraftRecord> out = {
      chunk(5, hello_frame()),
      chunk(300, Frame{0x60, from_hex("2c 00"), zeros}.bytes()),  // 300 - 256
      chunk(4004, Frame{0xA0, from_hex("a4 0f 00 00"), mixed}.bytes()),
      chunk(300, Frame{0xE0, from_hex("2c 01 00 00 00 00 00 00"), zeros}.bytes()),
      chunk(300, Frame{0x40, from_hex("00 2c 00"), zeros}.bytes()),  // a window of 1 KiB
      chunk(5, Frame{0x24, from_hex("05"), raw("hello"), checksum("hello")}.bytes()),
      {.skipped = 1, .data = from_text("as it is")},
  };
  return out;
}

/// A frame in a frame.
Bytes nested(const Bytes& frame) {
  const auto size = static_cast<std::uint8_t>(frame.size());
  return Frame{.fields = {std::byte{size}}, .blocks = raw(as_text(frame))}.bytes();
}

/// "hello" behind empty blocks, of which a frame may have any number. With 18 of them it has the 68
/// bytes that ZSTD_compressBound says of 5.
Bytes hello_behind_empty_blocks(std::size_t count) {
  Bytes blocks;
  for (std::size_t i = 0; i < count; ++i)
    blocks = joined(blocks, block(BlockType::raw, 0, "", false));
  return Frame{.fields = from_hex("05"), .blocks = joined(blocks, raw("hello"))}.bytes();
}

/// 4,000 bytes where the stage before could have made 70 of the 5 that there were.
Bytes zeros() {
  return Frame{0xA0, from_hex("a0 0f 00 00"), block(BlockType::rle, 4000, "0")}.bytes();
}

/// A chunk of 5 bytes from each.
DraftChanges only_chunk(const std::vector<std::pair<std::string, Bytes>>& frames) {
  DraftChanges out;
  for (const auto& [name, frame] : frames)
    out.emplace_back(name, [data = frame](Draft& d) { d.chunks = {chunk(5, data)}; });
  return out;
}

DraftChanges broken_frames() {
  const Bytes hello = hello_frame();
  const Bytes size_5 = from_hex("05");
  const Bytes empty = Frame{0x20, from_hex("00"), raw("")}.bytes();
  const Bytes skippable = from_hex("50 2A 4D 18 02 00 00 00 00 00");
  return only_chunk({
      {"zstd-two-frames", joined(hello, empty)},
      {"zstd-trailing-byte", joined(hello, Bytes(1))},
      {"zstd-skippable-frame-before", joined(skippable, hello)},
      {"zstd-skippable-frame-behind", joined(hello, skippable)},
      {"zstd-only-skippable-frame", skippable},
      {"zstd-no-content-size", Frame{0x00, from_hex("00"), raw("hello")}.bytes()},
      {"zstd-more-than-plain-bytes", Frame{0x20, from_hex("06"), raw("hello!")}.bytes()},
      {"zstd-less-than-plain-bytes", Frame{0x20, from_hex("04"), raw("hell")}.bytes()},
      {"zstd-empty-frame", empty},
      {"zstd-holds-more-than-it-says", Frame{0x20, size_5, raw("hello!")}.bytes()},
      {"zstd-holds-less-than-it-says", Frame{0x20, size_5, raw("hell")}.bytes()},
      {"zstd-claims-2-to-the-63",
       Frame{0xE0, from_hex("00 00 00 00 00 00 00 80"), raw("hello")}.bytes()},
      {"zstd-dictionary", Frame{0x21, from_hex("07 05"), raw("hello")}.bytes()},
      {"zstd-checksum-wrong", Frame{0x24, size_5, raw("hello"), checksum("other")}.bytes()},
      {"zstd-reserved-bit", Frame{0x28, size_5, raw("hello")}.bytes()},
      {"zstd-cut-short", Bytes(hello.begin(), hello.end() - 1)},
      {"zstd-not-a-frame", from_text("hello")},
  });
}

}  // namespace

VectorFiles zstd_vectors() {
  const auto with_zstd = [](Draft draft) { return draft.with_stage("adapipe.zstd"); };
  const Draft encrypted = with_zstd(encrypted_draft());
  VectorFiles out;
  add_drafts(out, "golden", encrypted,
             {{"zstd-frames", [](Draft& d) { d.chunks = good_chunks(); }}});
  add_drafts(out, "golden", plain_draft(),
             {{"checksum-zstd-behind-xor", [](Draft& d) {
                 d.with_stage("org.example.xor", from_hex("00")).with_stage("adapipe.zstd");
                 d.chunks = good_chunks();
                 for (DraftRecord& c : d.chunks) c.skipped = c.skipped == 0 ? 0 : 2;
               }}});
  add_drafts(out, "golden", with_zstd(encrypted),
             only_chunk({{"zstd-twice", nested(hello_frame())},
                         {"zstd-twice-up-to-bound", nested(hello_behind_empty_blocks(18))}}));
  add_drafts(out, "golden", encrypted,
             only_chunk({{"zstd-up-to-bound", hello_behind_empty_blocks(18)}}));

  add_drafts(out, "broken", encrypted, broken_frames());
  add_drafts(
      out, "broken", with_zstd(encrypted),
      only_chunk({{"zstd-twice-beyond-bound", zeros()},
                  {"zstd-twice-good-frame-beyond-bound", nested(hello_behind_empty_blocks(19))}}));
  add_drafts(out, "broken", encrypted,
             only_chunk({{"zstd-good-frame-beyond-bound", hello_behind_empty_blocks(19)}}));
  add_drafts(out, "broken", encrypted_draft(), {{"zstd-with-parameters", [](Draft& d) {
                                                   d.with_stage("adapipe.zstd", from_hex("00"));
                                                   d.chunks = {chunk(5, hello_frame())};
                                                 }}});
  return out;
}

}  // namespace adapipe::testing
