// adapipe_write_seeds FOLDER VECTORS: writes the inputs that each fuzz target starts from into
// FOLDER/TARGET: containers of every kind, made by the library with fixed keys, and each file below
// VECTORS, if there is such a folder, as it stands.
// adapipe_write_seeds --container INPUT FILE: writes the container that an input of the targets
// header and restore_stream describes.

#include <fmt/format.h>

#include <filesystem>

#include "container/open.hpp"
#include "fuzz/support.hpp"
#include "support/round_trip.hpp"
#include "support/zst_file.hpp"

using namespace adapipe;
using namespace adapipe::testing;
namespace fs = std::filesystem;

namespace {

/// Steps of the random_access target. Opening takes six reads, so the first ones change nothing;
/// then come a change and a cut.
Bytes reading_steps() {
  ByteWriter steps;
  steps.put(std::uint8_t{9});
  for (const char* step : {"0000 00 0000 0010", "0000 00 0000 0010", "0000 00 f00f 0001",
                           "0000 00 0010 0010", "0000 00 0000 0100", "0000 00 0001 ff7f",
                           "0000 00 0000 0000", "8001 01 0000 0010", "9001 ff 0000 ff7f"})
    steps.put(from_hex(step));
  return std::move(steps).take();
}

/// Of the rekey target: add one key of each kind; put one in the place of another; leave one out;
/// put others in the place of all.
constexpr const char* kSlotChanges[] = {"07", "11 00", "20 01 00", "0e"};

class Seeds {
 public:
  explicit Seeds(fs::path folder) : folder_(std::move(folder)) {}

  void write(const char* target, ByteSpan prefix, ByteSpan rest) {
    fs::create_directories(folder_ / target);
    write_file(folder_ / target / fmt::format("{:03}", next_++),
               std::move(ByteWriter().put(prefix).put(rest)).take());
  }
  /// For the targets that begin with container_from(), which gives what is returned.
  Bytes write_container(Form form, ByteSpan rest) {
    const std::byte first{static_cast<std::uint8_t>(form)};
    const Bytes input = std::move(ByteWriter().put(ByteSpan(&first, 1)).put(rest)).take();
    write("header", {}, input);
    write("index", from_hex("02"), input);
    write("restore_stream", {}, input);
    write("salvage", {}, input);
    write("random_access", reading_steps(), input);
    for (const char* change : kSlotChanges) write("rekey", from_hex(change), input);
    return container_from(input);
  }

  const fs::path& folder() const noexcept { return folder_; }

 private:
  const fs::path folder_;
  int next_ = 0;
};

/// What Form::resealed and Form::parts are made of.
struct Opened {
  Bytes decrypted;  ///< the container, every payload decrypted in place
  Bytes chunks;     ///< in the form that Form::parts takes
};

Opened open_records(Bytes container) {
  BytesSource source(container);
  PositionalSourceImpl& input = source;
  const OpenedContainer opened =
      open_container(read_full_from(input),
                     {.identities = fuzz_identities(), .context = {}, .allow_unencrypted = true});
  RecordProtector protector(opened.keys);
  ByteWriter chunks;
  std::span<std::byte> rest = std::span(container).subspan(opened.records_offset);
  while (rest.size() > layout::kTrailerBytes) {
    const auto bytes = rest.first<layout::kRecordHeaderBytes>();
    const RecordHeader header = decode_record_header(bytes, opened.header);
    const auto data =
        protector.open(bytes, header, rest.subspan(bytes.size(), header.stored_bytes));
    if (header.type == RecordType::chunk)
      chunks.put(header.skipped)
          .put(static_cast<std::uint16_t>(header.plain_bytes))
          .put(std::uint8_t{0})
          .put(static_cast<std::uint16_t>(data.size()))
          .put(data);
    rest = rest.subspan(bytes.size() + header.stored_bytes);
  }
  return {.decrypted = std::move(container), .chunks = std::move(chunks).take()};
}

Bytes restored(const Bytes& container) {
  Bytes plain;
  restore(Source::memory(container), Sink::memory(plain),
          {.identities = fuzz_identities(),
           .registry = fuzz_registry(),
           .runtime = Runtime::serial(),
           .allow_unencrypted = true});
  return plain;
}

void write_containers(Seeds& seeds, std::uint8_t suite_number, std::uint8_t list_number) {
  struct Case {
    Bytes plain;
    std::uint32_t chunk_bytes = kFuzzChunkBytes;
  };
  const Case cases[] = {
      {.plain = {}},
      // Lets records claim a lot. The smallest seed with a record, for libFuzzer keeps the smallest
      // of those that reach the same code.
      {.plain = from_text("hello"), .chunk_bytes = 64 << 20},
      {.plain = random_bytes(300, 1)},
      {.plain = compressible_bytes(2 * kFuzzChunkBytes + 100, 2)},
  };
  for (const auto& [plain, chunk_bytes] : cases) {
    Pipeline::Builder builder;
    for (const auto& stage : stage_list(list_number)) builder.add(stage);
    if (const auto cipher = suite(suite_number)) builder.add(*cipher);
    builder.chunk_size(ChunkSize::from_bytes(chunk_bytes)).runtime(Runtime::serial());
    const Bytes container = process_with_fixed_keys(builder.build(), Source::memory(plain));
    const Opened opened = open_records(container);
    const Bytes parts =
        std::move(ByteWriter().put(suite_number).put(list_number).put(opened.chunks)).take();
    require(seeds.write_container(Form::raw, container) == container, "raw bytes stay as they are");
    require(seeds.write_container(Form::resealed, opened.decrypted) == container,
            "resealing undoes what was done to a sound container");
    require(restored(seeds.write_container(Form::parts, parts)) == plain,
            "sound parts make a sound container");
  }
}

/// Frames that only a fuzzer makes: without its size, of no bytes, and two in a row.
void write_frames(Seeds& seeds) {
  for (const char* frame : {"28b52ffd 00 58 290000 68656c6c6f", "28b52ffd 20 00 010000",
                            "28b52ffd 20 01 090000 68 28b52ffd 20 01 090000 68"}) {
    const Bytes data = from_hex(frame);
    ByteWriter parts;
    parts.zeros(2);  // no cipher, zstd
    parts.zeros(2)
        .put(std::uint16_t{5})
        .zeros(1)
        .put(static_cast<std::uint16_t>(data.size()))
        .put(data);
    seeds.write_container(Form::parts, parts.bytes());
  }
}

/// Every section, and slots that cost something to try.
void write_headers(Seeds& seeds) {
  RawSections scrypt = aead_sections();
  scrypt.insert(scrypt.begin() + 6, {6, 1, from_hex("0200")});
  scrypt[6].value.resize(2 + 32, std::byte{0x3C});
  const Bytes cost = from_hex("0a 08 01");
  scrypt[6].value.insert(scrypt[6].value.end(), cost.begin(), cost.end());
  scrypt[6].value.resize(2 + 32 + 3 + 48);
  RawSections pbkdf2 = aead_sections();
  pbkdf2.insert(pbkdf2.begin() + 6, {6, 1, from_hex("0300")});
  pbkdf2[6].value.resize(2 + 32 + 4 + 48, std::byte{1});
  for (const RawSections& sections : {aead_sections(), checksum_sections(), scrypt, pbkdf2}) {
    Bytes head = raw_head(sections);
    head.resize(head.size() + layout::kHeaderTagBytes);
    ByteWriter values;
    for (const RawSection& section : sections)
      values.put(static_cast<std::uint8_t>(section.tag))
          .put(static_cast<std::uint8_t>(section.flags))
          .put(static_cast<std::uint16_t>(section.value.size()))
          .put(section.value);
    require(seeds.write_container(Form::sections, values.bytes()) ==
                seeds.write_container(Form::resealed, head),
            "sections make the header that they are from");
  }
}

void write_indexes(Seeds& seeds) {
  Index index;
  for (int i = 0; i < 4; ++i) {
    const Bytes content = index.encode();
    const Bytes with_section =
        std::move(ByteWriter().put(content).put(from_hex("0200 0000 03000000 616263"))).take();
    for (const Bytes& one : {content, with_section}) {
      seeds.write("index", from_hex("00"), one);
      for (std::uint8_t number = 0; number < kSuites; ++number) {
        ByteWriter around;
        around.put(std::uint8_t{1}).put(number);
        around.put(static_cast<std::uint16_t>(index.records_total())).zeros(3);
        seeds.write("index", around.bytes(), one);
      }
    }
    index.add({.stored_bytes = 100, .plain_bytes = 90});
  }
}

void write_key_texts(Seeds& seeds) {
  const std::string hex = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
  const Bytes shared = from_hex("00");
  seeds.write("key_text", shared, from_hex(hex));
  for (const char* end : {"", "\n", "\r\n"}) seeds.write("key_text", shared, as_bytes(hex + end));
  const X25519Identity identity = X25519Identity::generate();
  seeds.write("key_text", from_hex("01"), as_bytes(identity.recipient().text()));
  const fs::path file = seeds.folder() / "identity";
  identity.save(file);
  seeds.write("key_text", from_hex("02"), read_file(file));
  fs::remove(file);
}

void write_zstd_files(Seeds& seeds) {
  for (const bool says_size : {true, false})
    for (const bool has_checksum : {true, false})
      for (const std::size_t size : {0u, 300u, 1000u}) {
        const ZstFile file = zst_file(compressible_bytes(size, 1), 300,
                                      {.says_size = says_size, .has_checksum = has_checksum});
        const Bytes others = joined({skippable_frame(3, Bytes(5)), zst_frame({}), file.bytes});
        for (const Bytes& one :
             {file.bytes, file.with_table(), file.with_table(true), others,
              joined({file.with_table(), file.bytes}), joined({file.bytes, file.with_table()})})
          seeds.write("zstd_file", {}, one);
      }
}

void write_vectors(Seeds& seeds, const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const Bytes bytes = read_file(entry.path());
    seeds.write_container(Form::raw, bytes);
    for (const char* kind : {"00", "02"})
      if (bytes.size() < 200) seeds.write("key_text", from_hex(kind), bytes);
  }
}

void write_all(const fs::path& folder, const fs::path& vectors) {
  fs::remove_all(folder);
  Seeds seeds(folder);
  for (std::uint8_t suite_number = 0; suite_number < kSuites; ++suite_number)
    for (std::uint8_t list_number = 0; list_number < kStageLists; ++list_number)
      write_containers(seeds, suite_number, list_number);
  write_frames(seeds);
  write_headers(seeds);
  write_indexes(seeds);
  write_key_texts(seeds);
  write_zstd_files(seeds);
  if (fs::is_directory(vectors)) write_vectors(seeds, vectors);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "--container") {
    write_file(arguments[2], container_from(read_file(arguments[1])));
  } else if (arguments.size() == 2) {
    write_all(arguments[0], arguments[1]);
  } else {
    fmt::print(stderr, "usage: adapipe_write_seeds FOLDER VECTORS | --container INPUT FILE\n");
    return 64;
  }
}
