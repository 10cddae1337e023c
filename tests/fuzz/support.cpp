#include "fuzz/support.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cipher/host_cipher.hpp"
#include "cipher/openssl_aead.hpp"
#include "container/create.hpp"
#include "container/key_schedule.hpp"
#include "keys/slot_seal.hpp"
#include "support/fixed_random.hpp"
#include "support/key_providers.hpp"
#include "support/stages.hpp"

namespace adapipe::testing {

namespace {

const FileKey& fuzz_file_key() {
  static const FileKey key = [] {
    FileKey bytes;
    FixedRandom().fill(bytes.bytes());
    return bytes;
  }();
  return key;
}

/// Wraps the file key for fuzz_key() in a slot section that has the length for it.
void reseal_slot(std::span<std::byte> section, FileSalt file_salt) {
  constexpr std::size_t kIdBytes = 16;
  constexpr std::size_t kParameterBytes = kIdBytes + 32;
  if (section.size() != 2 + kParameterBytes + kWrappedBytes ||
      load_le<std::uint16_t>(section.data()) != kSlotSharedKey)
    return;
  const std::span<std::byte> body = section.subspan(2);
  const Digest256 id =
      hmac_sha256(fuzz_key().bytes(), {as_bytes("adapipe/1 key id"), body.subspan(kIdBytes, 32)});
  std::copy_n(id.begin(), kIdBytes, body.begin());
  const auto parameters = body.first(kParameterBytes);
  const Slot slot = seal_slot(kSlotSharedKey, {parameters.begin(), parameters.end()},
                              fuzz_key().bytes(), fuzz_file_key(), file_salt);
  std::ranges::copy(slot.body, body.begin());
}

void reseal_slots(std::span<std::byte> sections) {
  std::array<std::byte, layout::kSaltBytes> file_salt{};
  while (sections.size() >= layout::kSectionHeadBytes) {
    const auto tag = load_le<std::uint16_t>(sections.data());
    const auto length = load_le<std::uint32_t>(sections.data() + 4);
    sections = sections.subspan(layout::kSectionHeadBytes);
    if (length > sections.size()) return;
    if (tag == layout::kFileSaltSection && length == file_salt.size())
      std::copy_n(sections.begin(), length, file_salt.begin());
    if (tag == layout::kSlotSection) reseal_slot(sections.first(length), file_salt);
    sections = sections.subspan(length);
  }
}

/// Writes the header_tag and returns what follows from it for the records.
RecordKeys reseal_tag(const Header& header, ByteSpan authenticated, std::span<std::byte> tag) {
  RecordKeys keys{.integrity = header.integrity};
  SecretBytes header_key;
  if (header.integrity == Integrity::aead) {
    const KeySchedule schedule(fuzz_file_key(), header.file_salt, {});
    header_key = schedule.header_key();
    keys.cipher = openssl_aead(is_host_cipher(header.cipher) ? kAes256Gcm : header.cipher);
    keys.key = schedule.record_key(*keys.cipher);
  }
  std::ranges::copy(compute_header_tag(header.integrity, header_key.bytes(), authenticated),
                    tag.begin());
  keys.seed = load_le<std::uint64_t>(tag.data());
  return keys;
}

void reseal_records(std::span<std::byte> records, const RecordKeys& keys) {
  RecordProtector protector(keys);
  while (records.size() >= layout::kRecordHeaderBytes) {
    RecordHeaderBytes as_it_stands;
    std::copy_n(records.begin(), as_it_stands.size(), as_it_stands.begin());
    RecordHeader header{.type = static_cast<RecordType>(records[4]),
                        .skipped = load_le<std::uint16_t>(&records[6]),
                        .plain_bytes = load_le<std::uint32_t>(&records[8]),
                        .stored_bytes = load_le<std::uint32_t>(&records[12]),
                        .sequence = load_le<std::uint64_t>(&records[16])};
    if (header.stored_bytes < keys.overhead_bytes() ||
        header.stored_bytes > records.size() - as_it_stands.size())
      return;
    const std::size_t data_bytes = header.stored_bytes - keys.overhead_bytes();
    protector.seal(header, records.subspan(as_it_stands.size(), data_bytes), records.data());
    std::ranges::copy(as_it_stands, records.begin());  // what is wrong with it stays wrong
    records = records.subspan(as_it_stands.size() + header.stored_bytes);
  }
}

Bytes container_of_parts(ByteSpan input) {
  if (input.size() < 2) return {};
  ByteReader parts(input, "the fuzzer's input");
  const std::optional<Cipher> cipher = suite(parts.get<std::uint8_t>());
  Header header{.chunk_bytes = kFuzzChunkBytes};
  for (const auto& stage : stage_list(parts.get<std::uint8_t>()))
    header.stages.push_back(stage->info());
  FixedRandom random;
  const NewContainer made = create_container(header, cipher, {}, random);
  Bytes container = made.head;
  RecordProtector protector(made.keys);
  Index index;
  while (parts.rest().size() > 7) {
    RecordHeader record{.skipped = parts.get<std::uint16_t>(),
                        .plain_bytes = parts.get<std::uint16_t>(),
                        .sequence = index.chunks()};
    const std::uint32_t indexed_bytes = record.plain_bytes + parts.get<std::uint8_t>();
    const std::size_t data_bytes = parts.get<std::uint16_t>();
    const ByteSpan data = parts.get(std::min(data_bytes, parts.rest().size()));
    const std::size_t at = container.size();
    container.resize(at + layout::kRecordHeaderBytes + data.size() + protector.overhead_bytes());
    protector.seal(record, data, container.data() + at);
    index.add({.stored_bytes = record.stored_bytes, .plain_bytes = indexed_bytes});
  }
  const Bytes tail = seal_tail(index, container.size(), made.keys);
  container.insert(container.end(), tail.begin(), tail.end());
  return container;
}

Bytes container_of_sections(ByteSpan input) {
  ByteReader reader(input, "the fuzzer's input");
  RawSections sections;
  while (reader.rest().size() >= 4) {
    RawSection section{.tag = reader.get<std::uint8_t>(), .flags = reader.get<std::uint8_t>()};
    const std::size_t value_bytes = reader.get<std::uint16_t>();
    const ByteSpan value = reader.get(std::min(value_bytes, reader.rest().size()));
    section.value.assign(value.begin(), value.end());
    sections.push_back(std::move(section));
  }
  Bytes head = raw_head(sections);
  head.resize(head.size() + layout::kHeaderTagBytes);
  reseal(head);
  return head;
}

}  // namespace

void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

Bytes container_from(ByteSpan input) {
  if (input.empty()) return {};
  const auto form = static_cast<Form>(std::to_integer<unsigned>(input.front()) % kForms);
  const ByteSpan rest = input.subspan(1);
  if (form == Form::parts) return container_of_parts(rest);
  if (form == Form::sections) return container_of_sections(rest);
  Bytes container(rest.begin(), rest.end());
  if (form == Form::resealed) reseal(container);
  return container;
}

void reseal(std::span<std::byte> container) {
  if (container.size() < layout::kPreambleBytes) return;
  const std::size_t header_bytes = load_le<std::uint32_t>(&container[12]);
  const std::size_t sum_at = layout::kPreambleBytes + header_bytes;
  const std::size_t tag_at = sum_at + layout::kHeaderSumBytes;
  const std::size_t records_at = tag_at + layout::kHeaderTagBytes;
  if (records_at > container.size()) return;
  const ByteSpan authenticated = container.first(sum_at);
  reseal_slots(container.subspan(layout::kPreambleBytes, header_bytes));
  store_le(&container[sum_at], std::uint64_t{XXH3_64bits(container.data(), sum_at)});
  Header header;
  if (kind_of([&] { header = decode_header(container.first(tag_at)); })) return;
  const RecordKeys keys =
      reseal_tag(header, authenticated, container.subspan(tag_at, layout::kHeaderTagBytes));
  reseal_records(container.subspan(records_at), keys);
}

const SharedKey& fuzz_key() {
  static const SharedKey key = shared_key(0x80);
  return key;
}

const ListOf<Identity>& fuzz_identities() {
  static const ListOf<Identity> identities{
      fuzz_key(),
      X25519Identity::parse(
          "ADP-SECRET-KEY-1YG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3QLTS5VW"),
      std::make_shared<MaskingProvider>("org.test.kms", 7)};
  return identities;
}

const StageRegistry& fuzz_registry() {
  static const StageRegistry registry = registry_of({xor_stage(), every_other_stage()});
  return registry;
}

std::optional<Cipher> suite(std::uint8_t number) {
  const std::uint16_t cipher = number % kSuites;
  if (cipher == 0) return std::nullopt;
  return Cipher(openssl_aead(cipher), {.recipients = {fuzz_key()}});
}

std::vector<std::shared_ptr<const Stage>> stage_list(std::uint8_t number) {
  static const std::vector<std::shared_ptr<const Stage>> lists[kStageLists] = {
      {zstd()},
      {},
      {xor_stage(), zstd()},
      {every_other_stage(), xor_stage(), zstd()},
      {zstd(), xor_stage(), zstd()},
  };
  return lists[number % kStageLists];
}

}  // namespace adapipe::testing
