#include "container/create.hpp"

#include <algorithm>
#include <utility>

#include "container/key_schedule.hpp"

namespace adapipe::inline v0_1 {
namespace {

NewContainer create_encrypted(Header header, const Cipher& cipher, ByteSpan context,
                              RandomSource& random, const std::stop_token& stop) {
  header.integrity = Integrity::aead;
  header.cipher = cipher.backend().id();
  header.slots.clear();
  FileKey file_key;
  random.fill(file_key.bytes());
  random.fill(header.file_salt);
  for (const Recipient& recipient : cipher.recipients())
    header.slots.push_back(recipient.impl().wrap(file_key, header.file_salt, random, stop));

  const KeySchedule schedule(file_key, header.file_salt, context);
  NewContainer made{.head = encode_head(header, schedule.header_key().bytes()), .keys = {}};
  made.keys.integrity = header.integrity;
  made.keys.cipher = cipher.shared_backend();
  made.keys.key = schedule.record_key(cipher.backend());
  return made;
}

NewContainer create_plain(Header header, RandomSource& random) {
  header.integrity = Integrity::checksum;
  header.cipher = 0;
  header.slots.clear();
  random.fill(header.file_salt);

  NewContainer made{.head = encode_head(header, {}), .keys = {}};
  made.keys.integrity = header.integrity;
  made.keys.seed = load_le<std::uint64_t>(ByteSpan(made.head).last(layout::kHeaderTagBytes).data());
  return made;
}

}  // namespace

NewContainer create_container(Header header, const std::optional<Cipher>& cipher, ByteSpan context,
                              RandomSource& random, const std::stop_token& stop) {
  if (cipher) return create_encrypted(std::move(header), *cipher, context, random, stop);
  if (!context.empty())
    throw Error(errc::invalid_argument,
                "a context was given, but only an encrypted container can hold to it");
  return create_plain(std::move(header), random);
}

std::vector<std::byte> seal_tail(const Index& index, std::uint64_t index_offset,
                                 const RecordKeys& keys) {
  const std::vector<std::byte> content = index.encode();
  RecordProtector protector(keys);
  RecordHeader header{.type = RecordType::index,
                      .skipped = 0,
                      .plain_bytes = static_cast<std::uint32_t>(content.size()),
                      .stored_bytes = 0,
                      .sequence = index.chunks()};
  const std::size_t record_bytes =
      layout::kRecordHeaderBytes + content.size() + protector.overhead_bytes();
  std::vector<std::byte> out(record_bytes + layout::kTrailerBytes);
  protector.seal(header, content, out.data());
  const auto trailer =
      encode_trailer({.index_offset = index_offset, .index_record_bytes = record_bytes});
  std::ranges::copy(trailer, out.begin() + static_cast<std::ptrdiff_t>(record_bytes));
  return out;
}

}  // namespace adapipe::inline v0_1
