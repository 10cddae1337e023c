// worst_containers FOLDER: writes the worst container of every kind that a hostile writer can make,
// and the keys that measure.py tries on them. What is called *.sealed is encrypted, by a writer who
// has the key; *.plain anybody can make.

#include <cstdio>
#include <exception>

#include "hostile/container.hpp"
#include "keys/passphrase_slot.hpp"
#include "keys/provider_slot.hpp"
#include "keys/slot_seal.hpp"

namespace adapipe::testing {
namespace {

constexpr std::uint32_t kMiB = 1 << 20;
constexpr std::uint32_t kLargestChunk = 256 * kMiB;

// Kinds of headers.

RawSections most_metadata(RawSections sections) {
  std::size_t bytes = 0;
  for (unsigned code = 0;; ++code) {
    std::string key;  // UTF-8 in its shortest form
    if (code < 0x80) {
      key = {static_cast<char>(code)};
    } else if (code < 0x800) {
      key = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
    } else {
      key = {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
             static_cast<char>(0x80 | (code & 0x3F))};
    }
    bytes += key.size();
    if (bytes > layout::kMaxMetadataBytes) return sections;
    ByteWriter value;
    value.put(static_cast<std::uint16_t>(key.size())).put(as_bytes(key));
    sections.push_back({8, 0, std::move(value).take()});
  }
}

RawSections most_unknown_sections() {
  RawSections sections = good_sections();
  const std::size_t count = room(sections) / layout::kSectionHeadBytes;
  sections.insert(sections.end(), count, {10, 0, {}});
  return sections;
}

/// Of which most memory is made: what has a byte is allocated.
RawSections most_allocations(RawSections sections) {
  sections = most_metadata(std::move(sections));
  const std::size_t count = room(sections) / (layout::kSectionHeadBytes + 1);
  sections.insert(sections.end(), count, {10, 0, Bytes(1)});
  return sections;
}

RawSections longest_stages() {
  RawSections sections = good_sections();
  const std::size_t each = room(sections) / layout::kMaxStages - 32;
  RawSection stage{5, 1,
                   from_text("\x0c"
                             "adapipe.zstd")};
  stage.value.resize(each);
  for (std::size_t i = 0; i < layout::kMaxStages; ++i) insert(sections, stage);
  return sections;
}

std::vector<Slot> many_slots(const std::function<Slot(std::uint8_t)>& make) {
  std::vector<Slot> slots;
  for (std::uint8_t i = 0; i < layout::kMaxSlots; ++i) slots.push_back(make(i));
  return slots;
}

Slot broken(Slot slot) {
  slot.body.back() ^= std::byte{1};
  return slot;
}

void add_slots(const Folder& folder, const X25519Identity& identity) {
  const FileKey other(shared_key(7).bytes());  // does not fit the header
  const Bytes blob(layout::kMaxHeaderBytes / layout::kMaxSlots - 64);
  const auto add = [&](const std::string& name, const std::function<Slot(std::uint8_t)>& make) {
    folder.add_header(name, padded(sealed_sections(65536, many_slots(make))));
  };
  add("slots-provider.sealed",
      [&](std::uint8_t) { return encode_provider_slot({.name = "worst", .blob = blob}); });
  add("slots-x25519-shut.sealed",
      [&](std::uint8_t i) { return broken(wrapped_for(identity, other, i)); });
  add("slots-x25519-open.sealed", [&](std::uint8_t i) { return wrapped_for(identity, other, i); });
  add("slots-shared-shut.sealed",
      [&](std::uint8_t i) { return broken(wrapped_for(shared_key(1), other, i)); });
  add("slots-shared-open.sealed",
      [&](std::uint8_t i) { return wrapped_for(shared_key(1), other, i); });
}

void add_passphrases(const Folder& folder) {
  const auto add = [&](const std::string& name, const KdfCost& cost) {
    Slot slot{.type = slot_type(cost), .body = encode_passphrase_parameters({.cost = cost})};
    slot.body.resize(slot.body.size() + kWrappedBytes);
    folder.add_header(name + ".sealed", sealed_sections(65536, {slot}));
  };
  add("scrypt-limit", ScryptCost{.log2_n = 20, .r = 8, .p = 1});
  add("scrypt-most-rounds", ScryptCost{.log2_n = 16, .r = 8, .p = 16});
  add("scrypt-beyond", ScryptCost{.log2_n = 20, .r = 8, .p = 2});
  add("scrypt-far-beyond", ScryptCost{.log2_n = 22, .r = 8, .p = 16});
  add("pbkdf2-limit", Pbkdf2Cost{.iterations = 10'000'000});
  add("pbkdf2-beyond", Pbkdf2Cost{.iterations = 10'000'001});
  add("argon2id-limit", Argon2idCost{.memory_kib = kMiB, .passes = 4, .lanes = 1});
  add("argon2id-beyond", Argon2idCost{.memory_kib = kMiB, .passes = 5, .lanes = 1});
}

void add_headers(const Folder& folder) {
  folder.add_header("good.sealed", good_sections());
  folder.add_header("good.plain", plain_sections(65536));
  folder.add_header("header-padding.sealed", padded(good_sections()));
  folder.add_header("header-metadata.sealed", most_metadata(good_sections()));
  folder.add_header("header-unknown.sealed", most_unknown_sections());
  folder.add_header("header-allocations.sealed", most_allocations(good_sections()));
  folder.add_header("header-allocations.plain", most_allocations(plain_sections(65536)));
  folder.add_header("header-stages.sealed", longest_stages());
  const auto cut = [&](const std::string& name, std::uint32_t header_bytes, std::size_t follow) {
    Bytes head = raw_head(good_sections());
    store_le(head.data() + 12, header_bytes);
    head.resize(layout::kPreambleBytes + follow);
    std::ofstream(folder / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(head.data()),
               static_cast<std::streamsize>(head.size()));
  };
  cut("header-1-too-long.sealed", layout::kMaxHeaderBytes + 1, layout::kMaxHeaderBytes + 41);
  cut("header-4g.sealed", UINT32_MAX, 2 * kMiB);
  cut("header-cut.sealed", layout::kMaxHeaderBytes, 0);
}

// Kinds of records.

/// One zstd frame (RFC 8878) of `plain_bytes` zeros, in blocks of 4 bytes for 128 KiB.
Bytes bomb(std::uint32_t plain_bytes, unsigned window_log = 0) {
  ByteWriter out;
  out.put(std::uint32_t{0xFD2FB528});
  if (window_log == 0)
    out.put(std::uint8_t{0xA0});  // one segment, 4 bytes of content size
  else
    out.put(std::uint8_t{0x80}).put(static_cast<std::uint8_t>((window_log - 10) << 3));
  out.put(plain_bytes);
  for (std::uint32_t rest = plain_bytes; rest > 0;) {
    const std::uint32_t bytes = std::min<std::uint32_t>(rest, 128 * 1024);
    rest -= bytes;
    out.put(bytes << 3 | 1u << 1 | (rest == 0 ? 1u : 0u));  // its last byte is the repeated one
  }
  return std::move(out).take();
}

/// Says that it holds `plain_bytes`, and holds nothing.
Bytes liar(std::uint32_t plain_bytes) {
  ByteWriter out;
  out.put(std::uint32_t{0xFD2FB528}).put(std::uint8_t{0xA0}).put(plain_bytes);
  out.put(ByteSpan(from_hex("01 00 00")));
  return std::move(out).take();
}

/// `data` as one stored block.
Bytes boxed(ByteSpan data) {
  ByteWriter out;
  const auto bytes = static_cast<std::uint32_t>(data.size());
  out.put(std::uint32_t{0xFD2FB528}).put(std::uint8_t{0xA0}).put(bytes);
  out.put(static_cast<std::uint8_t>(bytes << 3 | 1u)).put(static_cast<std::uint16_t>(bytes >> 5));
  return std::move(out.put(data)).take();
}

void add_bombs(const Folder& folder) {
  folder.add_both("zstd-liar", kLargestChunk, 1,
                  [](Container& c) { c.chunk(kLargestChunk, liar(kLargestChunk)), c.finish(); });
  folder.add_both("zstd-bomb", kLargestChunk, 1,
                  [](Container& c) { c.chunk(kLargestChunk, bomb(kLargestChunk)), c.finish(); });
  folder.add_both("zstd-window", kMiB, 1,
                  [](Container& c) { c.chunk(kMiB, bomb(kMiB, 31)), c.finish(); });
  folder.add_both("zstd-1000-bombs", kLargestChunk, 1, [](Container& c) {
    for (int i = 0; i < 1000; ++i) c.chunk(kLargestChunk, bomb(kLargestChunk));
    c.finish();
  });
  folder.add_both("zstd-1000-bombs-4m", 4 * kMiB, 1, [](Container& c) {
    for (int i = 0; i < 1000; ++i) c.chunk(4 * kMiB, bomb(4 * kMiB));
    c.finish();
  });
  folder.add_both("zstd-16-deep", kLargestChunk, layout::kMaxStages, [](Container& c) {
    Bytes data = bomb(kLargestChunk);
    for (std::size_t i = 1; i < layout::kMaxStages; ++i) data = boxed(data);
    c.chunk(kLargestChunk, data);
    c.finish();
  });
}

void add_records(const Folder& folder) {
  folder.add_both("record-512m", kLargestChunk, 0, [](Container& c) {
    c.empty_chunk(kLargestChunk, 2 * kLargestChunk);
    c.finish();
  });
  folder.add_both("record-256m", kLargestChunk, 0, [](Container& c) {
    c.empty_chunk(kLargestChunk, static_cast<std::uint32_t>(kLargestChunk + c.overhead_bytes()));
    c.finish();
  });
  folder.add_both("record-256m-cut", kLargestChunk, 0, [](Container& c) {
    c.put(encode_record_header(
        {.plain_bytes = kLargestChunk,
         .stored_bytes = static_cast<std::uint32_t>(kLargestChunk + c.overhead_bytes())}));
  });
}

void add_indexes(const Folder& folder) {
  constexpr std::uint64_t kMostChunks = (layout::kMaxIndexBytes - layout::kRecordHeaderBytes -
                                         layout::kIndexHeadBytes - layout::kTagBytes) /
                                        layout::kIndexEntryBytes;
  folder.add_both("index-1g-no-chunks", 4096, 0,
                  [](Container& c) { c.finish_with_hole(kMostChunks, kMostChunks); });
  folder.add_both("index-1g-of-0", 4096, 0,
                  [](Container& c) { c.finish_with_hole(kMostChunks, 0); });
  folder.add_both("index-1g", 4096, 0, [](Container& c) {
    c.hole(kMostChunks * (layout::kRecordHeaderBytes + 1 + c.overhead_bytes()));
    c.finish_with_hole(kMostChunks, kMostChunks);
  });
  folder.add_both("index-64m", 4096, 0, [](Container& c) {
    c.empty_chunks(8 * kMiB);
    c.finish();
  });
  folder.add_both("index-too-many", 4096, 0, [](Container& c) {
    ByteWriter content;
    content.put(std::uint64_t{1} << 40).put(std::uint64_t{1} << 40).zeros(1000);
    c.finish(0, content.bytes());
  });
}

void write_all(const fs::path& path) {
  const Folder folder(path);
  shared_key(1).save(folder / "key");
  const X25519Identity identity = X25519Identity::generate();
  identity.save(folder / "identity");
  std::ofstream(folder / "passphrase") << "worst\n";
  add_headers(folder);
  add_slots(folder, identity);
  add_passphrases(folder);
  add_records(folder);
  add_indexes(folder);
  add_bombs(folder);
}

}  // namespace
}  // namespace adapipe::testing

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  try {
    adapipe::testing::write_all(argv[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "worst_containers: %s\n", e.what());
    return 1;
  }
}
