#include "container/zstd_frames.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "codec/zstd_frame.hpp"
#include "container/fixture.hpp"
#include "support/catch.hpp"
#include "support/zst_file.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::uint64_t kMost = 1 << 20;

ZstdFrames frames_of(const Bytes& file, const ReserveMemory& reserve = {}) {
  BytesSource source(file);
  return find_zstd_frames(source, {.max_frame_plain_bytes = kMost, .reserve = reserve});
}

/// Decodes all of it by its frames.
Bytes decoded(const Bytes& file) {
  const ZstdFrames found = frames_of(file);
  if (!found.independent()) throw Error(errc::invalid_argument, found.obstacle);
  Bytes plain(static_cast<std::size_t>(found.plain_bytes));
  ZstdFrameDecoder decoder;
  for (const ZstdFrame& frame : found.frames)
    decoder.decode(
        ByteSpan(file).subspan(static_cast<std::size_t>(frame.offset), frame.frame_bytes),
        std::span(plain).subspan(static_cast<std::size_t>(frame.plain_offset), frame.plain_bytes));
  return plain;
}

}  // namespace

TEST_CASE("the frames of a zstd file are found, with a seek table or without") {
  for (const std::size_t size : {0u, 1u, 5000u, 5001u, 25'007u}) {
    const Bytes plain = compressible_bytes(size, 1);
    for (const bool has_checksum : {true, false}) {
      INFO(size << " bytes, checksums: " << has_checksum);
      const ZstFile file = zst_file(plain, 5000, {.has_checksum = has_checksum});
      const ZstdFrames walked = frames_of(file.bytes);
      CHECK(walked.frames.size() == (size + 4999) / 5000);
      CHECK(walked.plain_bytes == size);
      CHECK(frames_of(file.with_table()).frames == walked.frames);
      const ZstdFrames with_checksums = frames_of(file.with_table(true));
      CHECK(with_checksums.frames.size() == walked.frames.size());
      for (std::size_t i = 0; i < walked.frames.size(); ++i)
        CHECK(with_checksums.frames[i].checksum == file.table[i].checksum);
      CHECK(decoded(file.bytes) == plain);
    }
  }
}

TEST_CASE("skippable frames may stand anywhere, empty ones count as frames") {
  const Bytes a = compressible_bytes(3000, 1);
  const Bytes skipped = skippable_frame(7, Bytes(100));
  const Bytes file =
      joined({skipped, zst_frame(a), zst_frame({}), skipped, skipped, zst_frame(a), skipped});
  CHECK(decoded(file) == joined({a, a}));
  CHECK(frames_of(file).frames.size() == 3);
  CHECK(frames_of(file).frames[0].offset == skipped.size());
}

TEST_CASE("a seek table gives the sizes that frames do not say, and lists what is skipped") {
  const Bytes plain = compressible_bytes(12'000, 1);
  const ZstFile file = zst_file(plain, 5000, {.says_size = false});
  CHECK_FALSE(frames_of(file.bytes).independent());
  CHECK(decoded(file.with_table()) == plain);

  const Bytes skipped = skippable_frame(0, Bytes(5));
  ZstFile with_skipped = file;
  with_skipped.bytes = joined({skipped, file.bytes});
  with_skipped.table.insert(with_skipped.table.begin(), {13, 0});
  CHECK(decoded(with_skipped.with_table()) == plain);
}

TEST_CASE("a frame is empty if it is, and not because the seek table says so") {
  const auto with_table = [](const Bytes& frame) {
    const auto frame_bytes = static_cast<std::uint32_t>(frame.size());
    return joined({frame, zst_seek_table({{frame_bytes, 0}})});
  };
  const ZstFrameOptions unsized{.says_size = false};
  for (const std::size_t size : {1u, 5000u})
    CHECK(kind_of([&] { frames_of(with_table(zst_frame(random_bytes(size, 1), unsized))); }) ==
          errc::corrupt);
  const Bytes several_blocks = from_hex("28B52FFD 00 00 000000 000000 010000");
  for (const bool says_size : {true, false})
    for (const bool has_checksum : {true, false}) {
      const ZstFrameOptions options{.says_size = says_size, .has_checksum = has_checksum};
      const Bytes hidden = joined({zst_frame({}, options), zst_frame(Bytes(1000))});
      CHECK(kind_of([&] { frames_of(with_table(hidden)); }) == errc::corrupt);
      const Bytes empty = zst_frame({}, options);
      CHECK(decoded(with_table(empty)).empty());
      const Bytes cut(empty.begin(), empty.end() - 1);
      CHECK(kind_of([&] { frames_of(with_table(cut)); }) == errc::corrupt);
    }
  for (const Bytes& empty : {zst_frame({}, unsized), several_blocks}) {
    CHECK(decoded(with_table(empty)).empty());
    CHECK(frames_of(with_table(empty)).frames.size() == 1);
  }
  CHECK(kind_of([&] { frames_of(with_table(from_hex("28B52FFD 00 00 000000"))); }) ==
        errc::corrupt);
}

TEST_CASE("where files were joined, the frames are those of all of them") {
  const Bytes a = compressible_bytes(12'000, 1);
  const Bytes b = compressible_bytes(7000, 2);
  const Bytes with_table = zst_file(a, 5000).with_table();
  const Bytes without = zst_file(b, 5000).bytes;
  CHECK(decoded(joined({with_table, without})) == joined({a, b}));
  CHECK(decoded(joined({without, with_table})) == joined({b, a}));
  CHECK(decoded(joined({with_table, with_table})) == joined({a, a}));
}

TEST_CASE("where files were joined, the checksums of the table at the end hold for its frames") {
  const ZstFile first = zst_file(compressible_bytes(7000, 1), 5000);
  const ZstFile last = zst_file(compressible_bytes(12'000, 2), 5000);
  const Bytes skipped = skippable_frame(0, Bytes(5));
  auto table = last.table;
  table.insert(table.begin() + 1, {13, 0});
  const auto head_bytes = static_cast<std::ptrdiff_t>(last.table[0].frame_bytes);
  const Bytes frame(last.bytes.begin(), last.bytes.begin() + head_bytes);
  const Bytes others(last.bytes.begin() + head_bytes, last.bytes.end());
  const auto found = frames_of(joined({first.with_table(true), frame, skipped, others,
                                       zst_seek_table(table, true)}))
                         .frames;
  REQUIRE(found.size() == 5);
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO("frame " << i);
    CHECK(found[i].checksum == (i < 2 ? std::nullopt : std::optional(last.table[i - 2].checksum)));
  }
}

TEST_CASE("a seek table behind joined files lists frames that are there, and nothing else") {
  const Bytes plain = compressible_bytes(5000, 1);
  const Bytes frame = zst_frame(plain);
  const Bytes skipped = skippable_frame(0, Bytes(5));
  const auto frame_bytes = static_cast<std::uint32_t>(frame.size());
  const auto with = [&](const std::vector<ZstTableEntry>& table) {
    return joined({frame, skipped, frame, skipped, zst_seek_table(table)});
  };
  CHECK(decoded(with({{frame_bytes, 5000}, {13, 0}})) == joined({plain, plain}));
  CHECK(decoded(with({{13, 0}, {frame_bytes, 5000}, {13, 0}})) == joined({plain, plain}));
  CHECK(decoded(with({{13, 0}})) == joined({plain, plain}));  // of a file without frames
  for (const std::vector<ZstTableEntry>& table :
       {std::vector<ZstTableEntry>{{frame_bytes + 13, 5000}},  // what is skipped as part of a frame
        {{1, 0}, {13, 0}, {frame_bytes, 5000}, {13, 0}},       // the end of a frame
        {{12, 0}, {frame_bytes, 5000}, {13, 0}},               // the end of what is skipped
        {{frame_bytes, 5000}, {13, 0}, {0, 0}},                // nothing
        {{frame_bytes, 5000}, {13, 1}},
        {{frame_bytes, 4999}, {13, 0}},
        {{frame_bytes, 5001}, {13, 0}},
        {{0xFFFFFFFF, 0}}})
    CHECK(kind_of([&] { frames_of(with(table)); }) == errc::corrupt);
}

TEST_CASE("a seek table behind joined files names no frame that stands within others") {
  const Bytes last = zst_frame(compressible_bytes(5000, 1));
  Bytes plain = random_bytes(1000, 2);
  const Bytes hidden = from_hex("502A4D18");
  std::ranges::copy(hidden, plain.begin() + 500);
  const auto behind_head = [&] {  // of what is hidden, as far as `last` ends
    const Bytes frame = zst_frame(plain);
    const auto at = std::search(frame.begin(), frame.end(), hidden.begin(), hidden.end());
    REQUIRE(at != frame.end());
    return static_cast<std::uint32_t>(frame.end() - at - 8) +
           static_cast<std::uint32_t>(last.size());
  };
  store_le(&plain[504], behind_head());
  CHECK(decoded(joined({zst_frame(plain), last})) == joined({plain, compressible_bytes(5000, 1)}));
  CHECK(kind_of([&] {
          frames_of(joined({zst_frame(plain), last, zst_seek_table({{behind_head() + 8, 0}})}));
        }) == errc::corrupt);
}

TEST_CASE("a frame of unknown, large or senseless size is an obstacle, and says which") {
  const Bytes small = zst_frame(compressible_bytes(1000, 1));
  struct Case {
    std::string name;
    Bytes frame;
    std::string says;
  };
  // A block of one byte after the other.
  Bytes wordy = from_hex("28B52FFD 60 0000");
  for (int i = 0; i < 512; ++i) wordy = joined({wordy, from_hex(i < 256 ? "080000 61" : "000000")});
  wordy[wordy.size() - 3] = std::byte{1};
  const std::vector<Case> cases = {
      {"unknown", zst_frame(compressible_bytes(1000, 1), {.says_size = false}), "does not say"},
      {"large", zst_frame(Bytes(kMost + 1)), "holds 1048577 bytes"},
      {"claims much", from_hex("28B52FFD E0 FFFFFFFFFFFFFFFF 010000"),
       "holds 18446744073709551615"},
      {"wordy", wordy, "takes 1799 bytes for 256"},
  };
  for (const Case& one : cases) {
    INFO(one.name);
    const ZstdFrames found = frames_of(joined({small, one.frame, small}));
    CHECK_FALSE(found.independent());
    INFO(found.obstacle);
    CHECK(found.obstacle.find("frame 1 " + one.says) == 0);
  }
  CHECK(frames_of(zst_frame(Bytes(kMost))).independent());
}

TEST_CASE("a zstd file that ends within a frame is truncated, at every byte") {
  const Bytes frame = zst_frame(compressible_bytes(3000, 1));
  const Bytes skipped = skippable_frame(0, Bytes(3));
  const Bytes file = joined({frame, skipped, frame});
  for (std::size_t kept = 1; kept < file.size(); ++kept) {
    INFO(kept);
    const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(kept));
    if (kept == frame.size() || kept == frame.size() + skipped.size()) {
      CHECK(frames_of(cut).frames.size() == 1);
      continue;
    }
    const auto error = error_of([&] { frames_of(cut); });
    REQUIRE(error);
    CHECK(error->kind() == errc::truncated);
    CHECK(error->chunk() == (kept < frame.size() ? 0u : 1u));
  }
  for (const std::string hex : {"502A4D18 FFFFFFFF", "502A4D18 FFFFFFFF 00", "502A4D18 01000000"})
    CHECK(kind_of([&] { frames_of(joined({frame, from_hex(hex)})); }) == errc::truncated);
}

TEST_CASE("what stands between frames and is none is corrupt, at its offset") {
  const Bytes frame = zst_frame(compressible_bytes(3000, 1));
  for (const std::string garbage : {"x", "garbage", "\n"}) {
    const auto error = error_of([&] { frames_of(joined({frame, from_text(garbage)})); });
    REQUIRE(error);
    CHECK(error->kind() == errc::corrupt);
    CHECK(error->offset() == frame.size());
  }
  const auto block = error_of([&] { frames_of(from_hex("28B52FFD 20 07 070000")); });
  REQUIRE(block);
  CHECK(block->kind() == errc::corrupt);
}

TEST_CASE("a seek table that lies is found out before anything is decoded, at the frame") {
  const Bytes plain = compressible_bytes(15'000, 1);
  const ZstFile file = zst_file(plain, 5000);
  const auto refused = [&](std::vector<ZstTableEntry> table) {
    const auto error = error_of([&] { frames_of(joined({file.bytes, zst_seek_table(table)})); });
    return error && error->kind() == errc::corrupt && error->offset();
  };
  for (std::size_t frame = 0; frame < 3; ++frame) {
    for (const std::uint32_t change : {1u, 0xFFFFFFFFu, 0x80000000u}) {
      INFO(frame << " by " << change);
      auto table = file.table;
      table[frame].plain_bytes += change;
      CHECK(refused(table));
      table = file.table;
      table[frame].frame_bytes += change;
      CHECK(refused(table));
      table = file.table;
      table[frame].frame_bytes += change;
      table[(frame + 1) % 3].frame_bytes -= change;
      CHECK(refused(table));
    }
    auto table = file.table;
    table[frame].frame_bytes = 5;  // ends within the head
    table[(frame + 1) % 3].frame_bytes += file.table[frame].frame_bytes - 5;
    CHECK(refused(table));
    table = file.table;
    table.insert(table.begin() + static_cast<std::ptrdiff_t>(frame), {0, 0});
    CHECK(refused(table));
    table[frame] = {0, 1};
    CHECK(refused(table));
  }
  CHECK(refused({{static_cast<std::uint32_t>(file.bytes.size()), 15'000}}));
  auto swapped = file.table;
  std::swap(swapped[0].plain_bytes, swapped[2].frame_bytes);
  CHECK(refused(swapped));
}

TEST_CASE("a seek table that lies of what is skipped is found out as well") {
  const Bytes plain = compressible_bytes(5000, 1);
  const ZstFile file = zst_file(plain, 5000, {.says_size = false});
  const Bytes all = joined({skippable_frame(0, Bytes(5)), file.bytes});
  const std::uint32_t frame_bytes = file.table[0].frame_bytes;
  const auto with = [&](const std::vector<ZstTableEntry>& table) {
    return joined({all, zst_seek_table(table)});
  };
  CHECK(decoded(with({{13, 0}, {frame_bytes, 5000}})) == plain);
  for (const std::vector<ZstTableEntry>& table :
       {std::vector<ZstTableEntry>{{13, 1}, {frame_bytes, 5000}},
        {{13 + frame_bytes, 0}},
        {{13 + frame_bytes, 5000}},
        {{12, 0}, {frame_bytes + 1, 5000}}})
    CHECK(kind_of([&] { decoded(with(table)); }) == errc::corrupt);
  // Behind another file, it leaves out the last frame.
  const Bytes sized = zst_frame(plain);
  const std::uint32_t hidden_bytes = 13 + static_cast<std::uint32_t>(sized.size());
  CHECK(kind_of([&] {
          frames_of(joined(
              {sized, skippable_frame(0, Bytes(5)), sized, zst_seek_table({{hidden_bytes, 0}})}));
        }) == errc::corrupt);
}

TEST_CASE("what only looks like a seek table is skipped as any other frame") {
  const Bytes plain = compressible_bytes(15'000, 1);
  const ZstFile file = zst_file(plain, 5000);
  auto lies = file.table;
  ++lies[1].plain_bytes;
  const Bytes table = zst_seek_table(lies);
  REQUIRE(kind_of([&] { frames_of(joined({file.bytes, table})); }) == errc::corrupt);
  for (const std::size_t at :
       {table.size() - 9, table.size() - 6, table.size() - 5, table.size() - 1}) {
    INFO(at);
    Bytes changed = table;
    changed[at] ^= std::byte{0x40};
    CHECK(decoded(joined({file.bytes, changed})) == plain);
  }
  const Bytes content(table.begin() + 8, table.end());
  CHECK(decoded(joined({file.bytes, skippable_frame(1, content)})) == plain);
  const Bytes longer = joined({Bytes(3), content});
  CHECK(decoded(joined({file.bytes, skippable_frame(0xE, longer)})) == plain);
  CHECK(decoded(joined({file.bytes, skippable_frame(0, file.with_table())})) == plain);
  CHECK(decoded(joined({file.bytes, skippable_frame(0xE, table)})) == plain);
  CHECK(frames_of(zst_seek_table({})).frames.empty());
}

TEST_CASE("a seek table is as long as its frame says") {
  const ZstFile file = zst_file(compressible_bytes(15'000, 1), 5000);
  const Bytes good = file.with_table();
  for (const std::size_t at : {std::size_t{4}, std::size_t{7}}) {
    Bytes changed = good;
    changed[file.bytes.size() + at] ^= std::byte{1};
    const auto kind = kind_of([&] { frames_of(changed); });
    CHECK((kind == errc::truncated || kind == errc::corrupt));
  }
}

TEST_CASE("with any byte changed, a zstd file is refused or gives the same") {
  const Bytes plain = compressible_bytes(600, 1);
  const ZstFile file = zst_file(plain, 300);
  for (const Bytes& good : {file.bytes, file.with_table()}) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        INFO("byte " << at << ", bit " << bit);
        Bytes bad = good;
        bad[at] ^= static_cast<std::byte>(1u << bit);
        try {
          const Bytes got = decoded(bad);
          CHECK(got == plain);
        } catch (const Error&) {
        }
      }
    }
  }
}

TEST_CASE("memory for frames is asked for before it is taken, and no more than they need") {
  Bytes file;
  const Bytes empty = zst_frame({});
  for (int i = 0; i < 1000; ++i) file.insert(file.end(), empty.begin(), empty.end());
  std::size_t reserved = 0;
  CHECK(frames_of(file, [&](std::size_t bytes) { reserved += bytes; }).frames.size() == 1000);
  CHECK(reserved >= 1000 * sizeof(ZstdFrame));
  CHECK(reserved <= 4 * 1024 * sizeof(ZstdFrame));
  const auto refuse = [](std::size_t bytes) {
    if (bytes > 10'000) throw Error(errc::resource_exhausted, "too much");
  };
  CHECK(kind_of([&] { frames_of(file, refuse); }) == errc::resource_exhausted);
}
