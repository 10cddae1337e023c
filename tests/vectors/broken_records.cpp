#include "vectors/draft.hpp"

namespace adapipe::testing {
namespace {

/// A change of one chunk's record.
std::function<void(Draft&)> chunk_1(const std::function<void(DraftRecord&)>& change) {
  return [=](Draft& d) { change(d.chunks[1]); };
}

DraftChanges chunk_changes() {
  return {
      {"record-magic-wrong", chunk_1([](auto& r) { r.magic[0] = std::byte{0}; })},
      {"record-type-unknown", chunk_1([](auto& r) { r.type = 2; })},
      {"record-flag-that-does-not-exist", chunk_1([](auto& r) { r.flags = 1; })},
      {"chunk-skips-a-stage-where-there-is-none", chunk_1([](auto& r) { r.skipped = 1; })},
      {"chunk-skips-a-stage-too-many",
       [](Draft& d) {
         d.with_stage("org.example.xor", from_hex("00"));
         d.chunks[1].skipped = 2;
       }},
      {"chunk-plain-bytes-0", chunk_1([](auto& r) { r.plain_bytes = 0; })},
      {"chunk-plain-bytes-beyond-chunk-bytes", chunk_1([](auto& r) { r.data.resize(4097); })},
      {"chunk-without-data", chunk_1([](auto& r) {
         r.plain_bytes = 3;
         r.data.clear();
       })},
      {"chunk-stored-bytes-beyond-limit", chunk_1([](auto& r) { r.stored_bytes = 73'729; })},
      {"chunk-stored-bytes-largest", chunk_1([](auto& r) { r.stored_bytes = UINT32_MAX; })},
      {"chunk-stored-bytes-beyond-what-stages-make",
       [](Draft& d) {  // and beyond the end, where no reader is to look for it
         for (int stage = 0; stage < 4; ++stage) d.with_stage("adapipe.zstd");
         for (DraftRecord& chunk : d.chunks) chunk.skipped = 0b1111;
         d.chunks[2].stored_bytes = 5 + 4 * 63 + (d.cipher == 0 ? 8 : 16);
       }},
      {"chunk-stored-bytes-0", chunk_1([](auto& r) { r.stored_bytes = 0; })},
      {"chunk-plain-bytes-more-than-data", chunk_1([](auto& r) { r.plain_bytes = 4; })},
      {"chunk-plain-bytes-less-than-data", chunk_1([](auto& r) { r.plain_bytes = 2; })},
      {"stage-makes-less-than-plain-bytes",
       [](Draft& d) {
         d.with_stage("org.example.xor", from_hex("00"));
         d.chunks[1].plain_bytes = 4;
       }},
      {"stage-makes-more-than-plain-bytes",
       [](Draft& d) {
         d.with_stage("org.example.xor", from_hex("00"));
         d.chunks[1].plain_bytes = 2;
       }},
      {"chunk-sequence-wrong", chunk_1([](auto& r) { r.sequence = 7; })},
      {"chunks-swapped",
       [](Draft& d) {
         d.chunks[0].sequence = 1;
         d.chunks[1].sequence = 0;
       }},
      {"chunk-twice",
       [](Draft& d) {
         d.chunks[1] = d.chunks[0];
         d.chunks[1].sequence = 0;
       }},
      {"chunk-left-out",
       [](Draft& d) {
         d.chunks.erase(d.chunks.begin() + 1);
         d.chunks[1].sequence = 2;
       }},
      {"index-twice", [](Draft& d) { d.chunks.push_back(index_of(d)); }},
  };
}

/// Changes the index that a draft would have, its record and its content.
std::function<void(Draft&)> index(const std::function<void(DraftRecord&)>& change) {
  return [=](Draft& d) {
    d.index = index_of(d);
    change(*d.index);
  };
}

/// Adds to the little-endian field at `offset` of the index's content.
template <typename T>
void add(DraftRecord& record, std::size_t offset, T delta) {
  std::byte* const field = record.data.data() + offset;
  store_le(field, static_cast<T>(load_le<T>(field) + delta));
}

constexpr std::size_t kCount = 0, kTotal = 8;
constexpr std::size_t kStored0 = 16, kPlain0 = 20, kStored1 = 24, kPlain1 = 28;

DraftChanges index_record_changes() {
  return {
      {"index-type-of-a-chunk", index([](auto& r) { r.type = 0; })},
      {"index-type-unknown", index([](auto& r) { r.type = 2; })},
      {"index-flag-that-does-not-exist", index([](auto& r) { r.flags = 1; })},
      {"index-skips-a-stage", index([](auto& r) { r.skipped = 1; })},
      {"index-sequence-one-more", index([](auto& r) { r.sequence = 4; })},
      {"index-sequence-one-less", index([](auto& r) { r.sequence = 2; })},
      {"index-sequence-largest", index([](auto& r) { r.sequence = UINT64_MAX; })},
      {"index-plain-bytes-wrong", index([](auto& r) { r.plain_bytes = 41; })},
      {"index-content-shorter-than-its-head", index([](auto& r) { r.data.resize(15); })},
      {"index-content-cut-in-an-entry", index([](auto& r) { r.data.resize(36); })},
      {"index-claims-more-than-1-gib",
       [](Draft& d) {
         d.index = index_of(d);
         d.index->plain_bytes = 1u << 30;
         d.index->stored_bytes = *d.index->plain_bytes + (d.cipher == 0 ? 8 : 16);
       }},
      {"index-claims-sections-beyond-1-mib",
       [](Draft& d) {
         d.index = index_of(d);
         d.index->plain_bytes = 40 + (1u << 20) + 9;
         d.index->stored_bytes = *d.index->plain_bytes + (d.cipher == 0 ? 8 : 16);
       }},
      {"index-claims-sections-of-1-mib-and-a-byte",
       [](Draft& d) {
         d.index = index_of(d);
         d.index->plain_bytes = 40 + (1u << 20) + 1;
         d.index->stored_bytes = *d.index->plain_bytes + (d.cipher == 0 ? 8 : 16);
       }},
  };
}

DraftChanges index_content_changes() {
  return {
      {"index-count-one-more", index([](auto& r) { add<std::uint64_t>(r, kCount, 1); })},
      {"index-count-one-less", index([](auto& r) { add<std::uint64_t>(r, kCount, UINT64_MAX); })},
      {"index-count-largest", index([](auto& r) { store_le(r.data.data() + kCount, UINT64_MAX); })},
      {"index-total-one-more", index([](auto& r) { add<std::uint64_t>(r, kTotal, 1); })},
      {"index-total-is-not-plain-bytes",
       [](Draft& d) {
         d.with({7, 0, from_hex("0c 00 00 00 00 00 00 00")});
       }},
      {"index-total-is-more-than-plain-bytes",
       [](Draft& d) {
         d.with({7, 0, from_hex("0a 00 00 00 00 00 00 00")});
       }},
      {"chunk-stored-bytes-not-the-index-s",
       [](Draft& d) {
         d.index = index_of(d);
         d.chunks[1].stored_bytes = 3 + (d.cipher == 0 ? 8 : 16) + 1;
       }},
      {"index-lists-a-chunk-too-few",
       [](Draft& d) {
         Draft shorter = d;
         shorter.chunks.pop_back();
         d.index = index_of(shorter);
         d.index->sequence = 2;
       }},
      {"index-lists-a-chunk-too-many",
       [](Draft& d) {
         Draft longer = d;
         longer.chunks.push_back(d.chunks[0]);
         d.index = index_of(longer);
         d.index->sequence = 4;
       }},
      {"index-entry-plain-bytes-0", index([](auto& r) {
         add<std::uint32_t>(r, kPlain0, 0u - 3);
         add<std::uint32_t>(r, kPlain1, 3);
       })},
      {"index-entry-plain-bytes-beyond-chunk-bytes", index([](auto& r) {
         add<std::uint32_t>(r, kPlain0, 4096);
         add<std::uint64_t>(r, kTotal, 4096);
       })},
      {"index-entry-stored-bytes-of-tag-only", index([](auto& r) {
         add<std::uint32_t>(r, kStored0, 0u - 3);
         add<std::uint32_t>(r, kStored1, 3);
       })},
      {"index-entry-stored-bytes-largest",
       index([](auto& r) { store_le(r.data.data() + kStored0, UINT32_MAX); })},
      {"index-entry-plain-bytes-not-the-record-s", index([](auto& r) {
         add<std::uint32_t>(r, kPlain0, 1);
         add<std::uint32_t>(r, kPlain1, 0u - 1);
       })},
      {"index-entry-stored-bytes-not-the-record-s", index([](auto& r) {
         add<std::uint32_t>(r, kStored0, 1);
         add<std::uint32_t>(r, kStored1, 0u - 1);
       })},
      {"index-entries-leave-a-gap",
       index([](auto& r) { add<std::uint32_t>(r, kStored0, 0u - 1); })},
      {"index-entries-overlap", index([](auto& r) { add<std::uint32_t>(r, kStored0, 1); })},
  };
}

DraftChanges index_section_changes() {
  const auto with = [](const RawSections& sections) {
    return index([=](DraftRecord& r) {
      for (const RawSection& section : sections) put_section(r.data, section);
    });
  };
  return {
      {"index-sections-out-of-order", with({{2, 0, {}}, {1, 0, from_hex("02")}})},
      {"index-private-metadata-twice", with({{2, 0, {}}, {2, 0, {}}})},
      {"index-unknown-section-twice", with({{3, 0, {}}, {3, 0, {}}})},
      {"index-unknown-critical-section", with({{3, 1, {}}})},
      {"index-known-section-critical", with({{2, 1, {}}})},
      {"index-section-flag-that-does-not-exist", with({{3, 2, {}}})},
      {"index-section-head-cut-short", index([](auto& r) { r.data.resize(r.data.size() + 7); })},
      {"index-section-beyond-the-content", index([](auto& r) {
         put_section(r.data, {3, 0, from_text("later")});
         r.data.pop_back();
       })},
  };
}

SealedChanges seal_changes() {
  const auto flip = [](Sealed& s, std::size_t at) { s.bytes[at] ^= std::byte{1}; };
  return {
      {"chunk-tag-wrong", [=](Sealed& s) { flip(s, s.chunks[2] - 1); }},
      {"chunk-data-changed", [=](Sealed& s) { flip(s, s.chunks[1] + 24); }},
      {"chunk-header-plain-bytes-changed", [=](Sealed& s) { flip(s, s.chunks[1] + 8); }},
      {"chunk-header-sequence-changed", [=](Sealed& s) { flip(s, s.chunks[1] + 16); }},
      {"index-tag-wrong", [=](Sealed& s) { flip(s, s.trailer - 1); }},
      {"index-content-changed", [=](Sealed& s) { flip(s, s.index + 24); }},
      {"index-missing",
       [](Sealed& s) {
         s.bytes.resize(s.index);
         const auto trailer = encode_trailer({.index_offset = s.index, .index_record_bytes = 0});
         s.bytes.insert(s.bytes.end(), trailer.begin(), trailer.end());
       }},
      {"chunk-records-swapped",
       [](Sealed& s) {
         std::swap_ranges(&s.bytes[s.chunks[0]], &s.bytes[s.chunks[1]], &s.bytes[s.chunks[1]]);
       }},
      {"chunk-record-left-out",
       [](Sealed& s) {
         s.bytes.erase(s.bytes.begin() + static_cast<std::ptrdiff_t>(s.chunks[1]),
                       s.bytes.begin() + static_cast<std::ptrdiff_t>(s.chunks[2]));
       }},
  };
}

SealedChanges end_changes() {
  const auto cut = [](Sealed& s, std::size_t at) { s.bytes.resize(at); };
  const auto trailer = [](Sealed& s, std::uint64_t offset, std::uint64_t bytes) {
    std::ranges::copy(encode_trailer({.index_offset = offset, .index_record_bytes = bytes}),
                      s.bytes.begin() + static_cast<std::ptrdiff_t>(s.trailer));
  };
  return {
      {"cut-in-record-header", [=](Sealed& s) { cut(s, s.chunks[1] + 10); }},
      {"cut-behind-record-header", [=](Sealed& s) { cut(s, s.chunks[1] + 24); }},
      {"cut-in-payload", [=](Sealed& s) { cut(s, s.chunks[2] - 1); }},
      {"cut-between-records", [=](Sealed& s) { cut(s, s.chunks[1]); }},
      {"cut-before-index", [=](Sealed& s) { cut(s, s.index); }},
      {"cut-in-index", [=](Sealed& s) { cut(s, s.trailer - 1); }},
      {"cut-before-trailer", [=](Sealed& s) { cut(s, s.trailer); }},
      {"cut-in-trailer", [=](Sealed& s) { cut(s, s.trailer + 16); }},
      {"cut-before-last-byte", [=](Sealed& s) { cut(s, s.trailer + 23); }},
      {"appended-byte", [](Sealed& s) { s.bytes.push_back({}); }},
      {"appended-container",
       [](Sealed& s) {
         const Bytes once = s.bytes;
         s.bytes.insert(s.bytes.end(), once.begin(), once.end());
       }},
      {"trailer-right-behind-header-tag",
       [=](Sealed& s) {
         s.bytes.erase(s.bytes.begin() + static_cast<std::ptrdiff_t>(s.chunks[0]),
                       s.bytes.begin() + static_cast<std::ptrdiff_t>(s.trailer));
         s.trailer = s.chunks[0];
         trailer(s, s.trailer, 0);
       }},
      {"trailer-end-magic-wrong", [](Sealed& s) { s.bytes.back() ^= std::byte{1}; }},
      {"trailer-index-offset-wrong",
       [=](Sealed& s) { trailer(s, s.index + 1, s.trailer - s.index); }},
      {"trailer-index-record-bytes-wrong",
       [=](Sealed& s) { trailer(s, s.index, s.trailer - s.index - 1); }},
      {"trailer-counts-bytes-behind-the-index",
       [=](Sealed& s) {
         s.bytes.insert(s.bytes.begin() + static_cast<std::ptrdiff_t>(s.trailer), 24, std::byte{});
         s.trailer += 24;
         trailer(s, s.index, s.trailer - s.index);
       }},
      {"trailer-points-before-index",
       [=](Sealed& s) { trailer(s, s.index - 1, s.trailer - s.index + 1); }},
      {"trailer-points-at-last-chunk",
       [=](Sealed& s) { trailer(s, s.chunks[2], s.trailer - s.chunks[2]); }},
      {"trailer-points-into-header", [=](Sealed& s) { trailer(s, 0, s.trailer); }},
      {"trailer-index-record-beyond-1-gib",
       [=](Sealed& s) { trailer(s, s.index, (1u << 30) + 1); }},
      {"trailer-sum-overflows", [=](Sealed& s) { trailer(s, UINT64_MAX - 99, s.trailer + 100); }},
  };
}

/// A record that is right where it comes from: another container, with the same key slot.
void add_spliced(VectorFiles& out, const std::string& name, const Draft& here, const Draft& there) {
  const Sealed other = seal(there);
  add_sealed(out, "broken", here, {{name, [&](Sealed& s) {
                                      std::copy_n(&other.bytes[other.chunks[1]],
                                                  other.chunks[2] - other.chunks[1],
                                                  &s.bytes[s.chunks[1]]);
                                    }}});
}

template <typename Changes>
Changes prefixed(const std::string& prefix, Changes changes) {
  for (auto& [name, change] : changes) name = prefix + name;
  return changes;
}

}  // namespace

VectorFiles broken_records() {
  VectorFiles out;
  for (const auto& [prefix, base] :
       {std::pair("", encrypted_draft()), std::pair("checksum-", plain_draft())}) {
    for (const DraftChanges& changes : {chunk_changes(), index_record_changes(),
                                        index_content_changes(), index_section_changes()})
      add_drafts(out, "broken", base, prefixed(prefix, changes));
    add_sealed(out, "broken", base, prefixed(prefix, seal_changes()));
  }
  add_sealed(out, "broken", encrypted_draft(), end_changes());

  Draft other = encrypted_draft();
  other.file_key_first = 1;
  add_spliced(out, "chunk-of-another-container", encrypted_draft(), other);
  add_spliced(out, "checksum-chunk-of-another-container", plain_draft(),
              plain_draft().with({9, 0, Bytes(1)}));
  return out;
}

}  // namespace adapipe::testing
