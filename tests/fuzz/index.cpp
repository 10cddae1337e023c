// The index: its content alone, and with its record and the trailer behind records of some size.

#include "container/index.hpp"

#include "container/create.hpp"
#include "container/open.hpp"
#include "fuzz/support.hpp"
#include "support/fixed_random.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

void check_sums(const Index& index) {
  std::uint64_t plain = 0;
  std::uint64_t records = 0;
  for (const IndexEntry& entry : index.entries()) {
    plain += entry.plain_bytes;
    records += layout::kRecordHeaderBytes + entry.stored_bytes;
  }
  require(plain == index.plain_total() && plain <= layout::kMaxTotalBytes,
          "the plain bytes of an index add up");
  require(records == index.records_total(), "the records of an index add up");
}

void check_content(ByteSpan content) {
  Index index;
  if (refused({errc::corrupt, errc::unsupported_version}, [&] { index = Index::decode(content); }))
    return;
  check_sums(index);
  const Bytes again = index.encode();
  require(again.size() <= content.size() && std::ranges::equal(again, content.first(again.size())),
          "an index that was decoded is encoded to the same bytes");
}

void check_reading(ByteSpan container) {
  BytesSource source(container, 1000);
  PositionalSourceImpl& input = source;
  OpenedContainer opened;
  if (kind_of([&] {
        opened = open_container(
            read_full_from(input),
            {.identities = fuzz_identities(), .context = {}, .allow_unencrypted = true});
      }))
    return;
  Index index;
  const auto reserve = [&](std::size_t bytes) {
    require(bytes <= 4 * container.size(), "no more memory than the input justifies");
  };
  if (refused({errc::truncated, errc::corrupt, errc::unsupported_version},
              [&] { index = read_index(source, opened, reserve); }))
    return;
  check_sums(index);
  require(opened.records_offset + index.records_total() < container.size(),
          "the records lie within the container");
  require(index.plain_total() == opened.header.plain_bytes.value_or(index.plain_total()),
          "the index holds to the length in the header");
  for (const IndexEntry& entry : index.entries())
    require(entry.plain_bytes >= 1 && entry.plain_bytes <= opened.header.chunk_bytes &&
                entry.stored_bytes > opened.keys.overhead_bytes(),
            "every chunk keeps its limits");
}

/// A container with this content of the index record: `u8` suite, `u16` bytes that the records
/// take, then three `u8` added to what would be right of the record's sequence, the trailer's
/// index_offset and its index_record_bytes, then the content.
Bytes container_around(ByteSpan input) {
  if (input.size() < 6) return {};
  ByteReader parts(input, "the fuzzer's input");
  const std::optional<Cipher> cipher = suite(parts.get<std::uint8_t>());
  FixedRandom random;
  const NewContainer made = create_container({.chunk_bytes = kFuzzChunkBytes}, cipher, {}, random);
  Bytes out = made.head;
  const std::size_t index_at = out.size() + parts.get<std::uint16_t>();
  const std::uint64_t more_chunks = parts.get<std::uint8_t>();
  const std::uint64_t more_offset = parts.get<std::uint8_t>();
  const std::uint64_t more_bytes = parts.get<std::uint8_t>();
  const ByteSpan content = parts.rest();
  const std::uint64_t chunks = content.size() < 8 ? 0 : load_le<std::uint64_t>(content.data());

  RecordHeader header{.type = RecordType::index,
                      .plain_bytes = static_cast<std::uint32_t>(content.size()),
                      .sequence = chunks + more_chunks};
  const std::size_t record_bytes =
      layout::kRecordHeaderBytes + content.size() + made.keys.overhead_bytes();
  out.resize(index_at + record_bytes);
  RecordProtector(made.keys).seal(header, content, out.data() + index_at);
  const auto trailer = encode_trailer(
      {.index_offset = index_at + more_offset, .index_record_bytes = record_bytes + more_bytes});
  out.insert(out.end(), trailer.begin(), trailer.end());
  return out;
}

}  // namespace

/// The first byte: 0 for the content alone, 1 for container_around(); beyond that, container_from()
/// takes the rest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest = std::as_bytes(std::span(data, size)).subspan(1);
  if (data[0] % 3 == 0)
    check_content(rest);
  else
    check_reading(data[0] % 3 == 1 ? container_around(rest) : container_from(rest));
  return 0;
}
