#include "container/record.hpp"

#include "cipher/openssl_aead.hpp"
#include "container/fixture.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::size_t kHead = layout::kRecordHeaderBytes;

RecordKeys cipher_keys(std::uint16_t cipher, std::uint8_t first = 1) {
  RecordKeys keys;
  keys.integrity = Integrity::aead;
  keys.cipher = openssl_aead(cipher);
  keys.key = SecretBytes(keys.cipher->key_bytes());
  FixedRandom(first).fill(keys.key.bytes());
  return keys;
}

RecordKeys checksum_keys(std::uint64_t seed = 42) {
  RecordKeys keys;
  keys.seed = seed;
  return keys;
}

std::vector<RecordKeys> all_keys() {
  return {checksum_keys(), cipher_keys(kAes256Gcm), cipher_keys(kChaCha20Poly1305),
          cipher_keys(kAes128Gcm)};
}

Header container_of(const RecordKeys& keys) {
  Header header;
  header.chunk_bytes = 4096;
  header.integrity = keys.integrity;
  header.stages.resize(3);
  return header;
}

RecordHeader chunk_header(std::size_t data_bytes, std::uint64_t sequence = 7) {
  return {.type = RecordType::chunk,
          .skipped = 5,
          .plain_bytes = static_cast<std::uint32_t>(data_bytes),
          .stored_bytes = 0,
          .sequence = sequence};
}

Bytes seal(const RecordKeys& keys, RecordHeader header, ByteSpan data) {
  RecordProtector protector(keys);
  Bytes record(kHead + data.size() + protector.overhead_bytes());
  protector.seal(header, data, record.data());
  return record;
}

/// Reads a record the way a reader does, and gives its data.
Bytes open(const RecordKeys& keys, Bytes record) {
  const auto head = std::span<const std::byte>(record).first<kHead>();
  const RecordHeader header = decode_record_header(head, container_of(keys));
  RecordProtector protector(keys);
  const auto data = protector.open(head, header, std::span(record).subspan(kHead));
  return {data.begin(), data.end()};
}

}  // namespace

TEST_CASE("a record opens to what was sealed, in place or not") {
  for (const RecordKeys& keys : all_keys())
    for (const std::size_t size : {1u, 2u, 15u, 16u, 17u, 240u, 241u, 1025u, 4096u}) {
      const Bytes data = random_bytes(size, size);
      const Bytes record = seal(keys, chunk_header(size), data);
      CHECK(record.size() == kHead + size + keys.overhead_bytes());
      CHECK(open(keys, record) == data);

      Bytes in_place(record.size());
      std::ranges::copy(data, in_place.begin() + kHead);
      RecordHeader header = chunk_header(size);
      RecordProtector(keys).seal(header, ByteSpan(in_place).subspan(kHead, size), in_place.data());
      CHECK(in_place == record);
      CHECK(header.stored_bytes == size + keys.overhead_bytes());
    }
}

TEST_CASE("opening leaves the data at the front of the payload") {
  for (const RecordKeys& keys : all_keys()) {
    const Bytes data = random_bytes(100, 3);
    Bytes record = seal(keys, chunk_header(100), data);
    const auto head = std::span<const std::byte>(record).first<kHead>();
    const auto payload = std::span(record).subspan(kHead);
    const auto opened =
        RecordProtector(keys).open(head, decode_record_header(head, container_of(keys)), payload);
    CHECK(opened.data() == payload.data());
    CHECK(opened.size() == data.size());
  }
}

TEST_CASE("one protector seals and opens many records") {
  for (const RecordKeys& keys : all_keys()) {
    RecordProtector protector(keys);
    for (std::uint64_t sequence = 0; sequence < 3; ++sequence) {
      const Bytes data = random_bytes(50, sequence);
      RecordHeader header = chunk_header(50, sequence);
      Bytes record(kHead + 50 + protector.overhead_bytes());
      protector.seal(header, data, record.data());
      CHECK(record == seal(keys, chunk_header(50, sequence), data));
      CHECK(open(keys, record) == data);
    }
  }
}

TEST_CASE("a record with any byte changed is refused") {
  for (const RecordKeys& keys : all_keys()) {
    const Bytes record = seal(keys, chunk_header(20), random_bytes(20, 1));
    for (std::size_t at = 0; at < record.size(); ++at)
      for (const unsigned bits : {0x01u, 0x80u, 0xFFu}) {
        Bytes changed = record;
        changed[at] ^= static_cast<std::byte>(bits);
        INFO("byte " << at << " ^ " << bits);
        const auto kind = kind_of([&] { open(keys, changed); });
        CHECK((kind == errc::corrupt || (at == 4 && kind == errc::unsupported_version)));
      }
  }
}

TEST_CASE("a record is refused in another place, of another type, or under another key") {
  for (const RecordKeys& keys : all_keys()) {
    const Bytes content = Index().encode();
    const RecordHeader index{.type = RecordType::index,
                             .skipped = 0,
                             .plain_bytes = static_cast<std::uint32_t>(content.size()),
                             .stored_bytes = 0,
                             .sequence = 0};
    const Bytes record = seal(keys, index, content);
    REQUIRE(open(keys, record) == content);

    Bytes as_chunk = record;
    as_chunk[4] = std::byte{0};
    CHECK(kind_of([&] { open(keys, as_chunk); }) == errc::corrupt);
    Bytes moved = record;
    moved[16] = std::byte{1};
    CHECK(kind_of([&] { open(keys, moved); }) == errc::corrupt);

    const RecordKeys other =
        keys.integrity == Integrity::aead ? cipher_keys(keys.cipher->id(), 2) : checksum_keys(43);
    CHECK(kind_of([&] { open(other, record); }) == errc::corrupt);
  }
}

TEST_CASE("the nonce comes from the header that the reader decoded") {
  // With the bytes of the header as they were, only the sequence that was asked for differs.
  const RecordKeys keys = cipher_keys(kAes256Gcm);
  Bytes record = seal(keys, chunk_header(8), random_bytes(8, 1));
  const auto head = std::span<const std::byte>(record).first<kHead>();
  RecordHeader header = decode_record_header(head, container_of(keys));
  header.sequence += std::uint64_t{1} << 40;
  const auto error =
      error_of([&] { RecordProtector(keys).open(head, header, std::span(record).subspan(kHead)); });
  REQUIRE(error);
  CHECK(error->kind() == errc::corrupt);
  CHECK(error->chunk() == header.sequence);
}

TEST_CASE("a payload shorter than its check is refused") {
  for (const RecordKeys& keys : all_keys()) {
    const RecordHeaderBytes head = encode_record_header(chunk_header(1));
    for (std::size_t size = 0; size < keys.overhead_bytes(); ++size) {
      Bytes payload(size);
      CHECK(kind_of([&] { RecordProtector(keys).open(head, chunk_header(1), payload); }) ==
            errc::corrupt);
      CHECK_FALSE(RecordProtector(keys).try_open(head, chunk_header(1), payload));
    }
  }
}

TEST_CASE("a record header has its bytes where the format puts them") {
  const RecordHeader header{.type = RecordType::index,
                            .skipped = 0x1211,
                            .plain_bytes = 0x24232221,
                            .stored_bytes = 0x34333231,
                            .sequence = 0x4847464544434241};
  const RecordHeaderBytes bytes = encode_record_header(header);
  CHECK(Bytes(bytes.begin(), bytes.end()) ==
        from_hex("EF 41 52 43  01  00  11 12  21 22 23 24  31 32 33 34  41 42 43 44 45 46 47 48"));
}

TEST_CASE("a record header read back is the one that was written") {
  const Header container = container_of(cipher_keys(kAes256Gcm));
  const RecordHeader headers[] = {
      {RecordType::chunk, 0, 1, 17, 0},
      {RecordType::chunk, 7, 4096, 2 * 4096 + 65536, UINT64_MAX},
      {RecordType::index, 0, 16, 32, 0},
      {RecordType::index, 0, (1 << 30) - 24 - 16, (1 << 30) - 24, 134'217'721},
  };
  for (const RecordHeader& header : headers) {
    const RecordHeader read = decode_record_header(encode_record_header(header), container);
    CHECK(read.type == header.type);
    CHECK(read.skipped == header.skipped);
    CHECK(read.plain_bytes == header.plain_bytes);
    CHECK(read.stored_bytes == header.stored_bytes);
    CHECK(read.sequence == header.sequence);
  }
}

TEST_CASE("a reader refuses a record header that breaks a rule") {
  struct Case {
    const char* name;
    RecordHeader header;
  };
  const Header aead = container_of(cipher_keys(kAes256Gcm));
  const Case cases[] = {
      {"chunk without plain bytes", {RecordType::chunk, 0, 0, 17, 0}},
      {"chunk larger than chunk_bytes", {RecordType::chunk, 0, 4097, 17, 0}},
      {"chunk of nothing but a tag", {RecordType::chunk, 0, 1, 16, 0}},
      {"chunk shorter than a tag", {RecordType::chunk, 0, 1, 0, 0}},
      {"stored beyond its limit", {RecordType::chunk, 0, 1, 2 * 4096 + 65536 + 1, 0}},
      {"stored 2^32 - 1", {RecordType::chunk, 0, 1, UINT32_MAX, 0}},
      {"skip bit of a fourth stage", {RecordType::chunk, 8, 1, 17, 0}},
      {"skip bit of a sixteenth stage", {RecordType::chunk, 0x8000, 1, 17, 0}},
      {"index with a skip bit", {RecordType::index, 1, 16, 32, 0}},
      {"index shorter than its counts", {RecordType::index, 0, 15, 31, 0}},
      {"index sizes that differ", {RecordType::index, 0, 16, 33, 0}},
      {"index sizes that differ by 2^32", {RecordType::index, 0, UINT32_MAX - 3, 12, 0}},
      {"index beyond 1 GiB", {RecordType::index, 0, (1 << 30) - 24 - 15, (1 << 30) - 23, 0}},
  };
  for (const Case& broken : cases) {
    INFO(broken.name);
    CHECK(kind_of([&] { decode_record_header(encode_record_header(broken.header), aead); }) ==
          errc::corrupt);
  }

  const RecordHeader good{RecordType::chunk, 0, 1, 17, 0};
  for (const auto& [at, value, expected] :
       {std::tuple{0u, 0xEEu, errc::corrupt}, std::tuple{3u, 0x44u, errc::corrupt},
        std::tuple{4u, 2u, errc::unsupported_version},
        std::tuple{4u, 255u, errc::unsupported_version}, std::tuple{5u, 1u, errc::corrupt},
        std::tuple{5u, 0x80u, errc::corrupt}}) {
    INFO("byte " << at << " = " << value);
    RecordHeaderBytes bytes = encode_record_header(good);
    bytes[at] = static_cast<std::byte>(value);
    CHECK(kind_of([&] { decode_record_header(bytes, aead); }) == expected);
  }
}

TEST_CASE("16 stages have 16 skip bits") {
  Header container = container_of(checksum_keys());
  container.stages.resize(16);
  const RecordHeader all_skipped{RecordType::chunk, 0xFFFF, 1, 9, 0};
  CHECK(decode_record_header(encode_record_header(all_skipped), container).skipped == 0xFFFF);
}
