#include "vectors/draft.hpp"

#include <stdexcept>

#include "container/key_schedule.hpp"
#include "keys/slot_seal.hpp"
#include "vectors/keys.hpp"

namespace adapipe::testing {
namespace {

constexpr std::size_t kHeadBytes = 24;

FileKey file_key(std::uint8_t first) {
  FileKey key;
  FixedRandom(first).fill(key.bytes());
  return key;
}

/// Follows the file key, as when both are drawn from one FixedRandom.
std::array<std::byte, 32> file_salt() {
  std::array<std::byte, 32> salt;
  FixedRandom(32).fill(salt);
  return salt;
}

/// Seals records as FORMAT.md says, whatever their headers say.
class Sealer {
 public:
  Sealer(const Draft& draft, const Digest256& header_tag)
      : seed_(load_le<std::uint64_t>(header_tag.data())) {
    if (draft.cipher == 0) return;
    const auto cipher = openssl_aead(draft.cipher);
    const KeySchedule schedule(file_key(draft.file_key_first), file_salt(), {});
    cipher_ = cipher->make_worker(schedule.record_key(*cipher).bytes());
  }

  std::size_t overhead_bytes() const { return cipher_ ? 16 : 8; }

  Bytes head(const DraftRecord& record, std::uint64_t place) const {
    const auto size = static_cast<std::uint32_t>(record.data.size());
    ByteWriter out;
    out.put(record.magic).put(record.type).put(record.flags).put(record.skipped);
    out.put(record.plain_bytes.value_or(size));
    out.put(record.stored_bytes.value_or(size + static_cast<std::uint32_t>(overhead_bytes())));
    return std::move(out.put(record.sequence.value_or(place))).take();
  }

  Bytes seal(const DraftRecord& record, std::uint64_t place) {
    Bytes out = head(record, place);
    std::array<std::byte, 12> nonce{out[4]};
    store_be64(nonce.data() + 4, record.sequence.value_or(place));
    out.insert(out.end(), record.data.begin(), record.data.end());
    const std::size_t data_end = out.size();
    out.resize(data_end + overhead_bytes());
    if (cipher_)
      cipher_->seal(nonce, ByteSpan(out).first(kHeadBytes), record.data, out.data() + kHeadBytes,
                    std::span(out).last<16>());
    else
      store_le(out.data() + data_end,
               std::uint64_t{XXH3_64bits_withSeed(out.data(), data_end, seed_)});
    return out;
  }

 private:
  std::uint64_t seed_;
  std::unique_ptr<CipherWorker> cipher_;
};

Bytes preamble_and_header(const Draft& draft) {
  Bytes out = raw_head(draft.sections);
  out.resize(out.size() - layout::kHeaderSumBytes);
  store_le(out.data() + 8, draft.major);
  store_le(out.data() + 10, draft.minor);
  return out;
}

Digest256 header_tag(const Draft& draft, ByteSpan preamble_and_header) {
  if (draft.cipher == 0) return sha256({preamble_and_header});
  const KeySchedule schedule(file_key(draft.file_key_first), file_salt(), {});
  return hmac_sha256(schedule.header_key().bytes(), {preamble_and_header});
}

template <typename T>
Bytes bytes_of(const T& value) {
  return std::move(ByteWriter().put(value)).take();
}

void append(Bytes& to, ByteSpan more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

Draft& Draft::with(RawSection added) {
  const auto behind = std::ranges::find_if(
      sections, [&](const RawSection& there) { return there.tag > added.tag; });
  sections.insert(behind, std::move(added));
  return *this;
}

Draft& Draft::without(std::uint16_t tag) {
  std::erase_if(sections, [&](const RawSection& there) { return there.tag == tag; });
  return *this;
}

Draft& Draft::with_slot(const Slot& slot) {
  return with({6, 1, std::move(ByteWriter().put(slot.type).put(slot.body)).take()});
}

Draft& Draft::with_stage(std::string_view id, const Bytes& parameters) {
  ByteWriter value;
  value.put(static_cast<std::uint8_t>(id.size())).put(as_bytes(id)).put(parameters);
  return with({5, 1, std::move(value).take()});
}

Draft& Draft::with_slots(const ListOf<Recipient>& recipients) {
  without(6);
  for (const Recipient& recipient : recipients) with_slot(draft_slot(recipient));
  return *this;
}

Draft plain_draft() {
  Draft draft;
  draft.sections = {{1, 1, bytes_of(std::uint32_t{4096})},
                    {2, 1, bytes_of(std::uint16_t{1})},
                    {4, 1, bytes_of(ByteSpan(file_salt()))}};
  for (const char* const text : {"one", "two", "three"})
    draft.chunks.push_back({.data = from_text(text)});
  return draft;
}

Draft encrypted_draft() {
  Draft draft = plain_draft();
  draft.cipher = kAes256Gcm;
  section(draft.sections, 2).value = bytes_of(std::uint16_t{2});
  draft.with({3, 1, bytes_of(std::uint16_t{kAes256Gcm})});
  return draft.with_slots({shared_vector_key()});
}

Slot draft_slot(const Recipient& recipient, std::uint8_t file_key_first) {
  FixedRandom random(64);
  return recipient.impl().wrap(file_key(file_key_first), file_salt(), random, {});
}

Slot draft_slot(std::uint16_t type, Bytes parameters, ByteSpan secret, ByteSpan bound) {
  return seal_slot(type, std::move(parameters), secret, file_key(0), file_salt(), bound);
}

DraftRecord index_of(const Draft& draft) {
  const std::size_t overhead = draft.cipher == 0 ? 8 : 16;
  std::uint64_t total = 0;
  ByteWriter entries;
  for (const DraftRecord& chunk : draft.chunks) {
    const std::size_t stored = chunk.data.size() + overhead;
    const auto plain = chunk.plain_bytes.value_or(static_cast<std::uint32_t>(chunk.data.size()));
    entries.put(chunk.stored_bytes.value_or(static_cast<std::uint32_t>(stored))).put(plain);
    total += plain;
  }
  ByteWriter content;
  content.put(std::uint64_t{draft.chunks.size()}).put(total).put(entries.bytes());
  return {.type = 1, .data = std::move(content).take()};
}

void put_section(Bytes& content, const RawSection& section) {
  ByteWriter out;
  out.put(section.tag).put(section.flags);
  out.put(static_cast<std::uint32_t>(section.value.size())).put(section.value);
  append(content, out.bytes());
}

Sealed seal(const Draft& draft) {
  const Bytes head = preamble_and_header(draft);
  const Digest256 tag = header_tag(draft, head);
  Sealed out{.bytes = with_sum(head), .header_sum = head.size()};
  out.header_tag = out.bytes.size();
  append(out.bytes, tag);

  Sealer sealer(draft, tag);
  for (const DraftRecord& chunk : draft.chunks) {
    const std::size_t place = out.chunks.size();
    out.chunks.push_back(out.bytes.size());
    append(out.bytes, sealer.seal(chunk, place));
  }
  out.index = out.bytes.size();
  append(out.bytes, sealer.seal(draft.index ? *draft.index : index_of(draft), draft.chunks.size()));
  out.trailer = out.bytes.size();
  append(out.bytes, encode_trailer({.index_offset = out.index,
                                    .index_record_bytes = out.trailer - out.index}));
  return out;
}

void add_drafts(VectorFiles& out, const std::string& folder, const Draft& base,
                const DraftChanges& changes) {
  for (const auto& [name, change] : changes) {
    Draft draft = base;
    change(draft);
    if (!out.emplace(folder + "/" + name + ".adp", seal(draft).bytes).second)
      throw std::logic_error("two vectors are named " + name);
  }
}

void add_sealed(VectorFiles& out, const std::string& folder, const Draft& base,
                const SealedChanges& changes) {
  for (const auto& [name, change] : changes) {
    Sealed sealed = seal(base);
    change(sealed);
    if (!out.emplace(folder + "/" + name + ".adp", sealed.bytes).second)
      throw std::logic_error("two vectors are named " + name);
  }
}

}  // namespace adapipe::testing
