#pragma once

#include <adapipe/error.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "container/create.hpp"
#include "container/fixture.hpp"
#include "container/key_schedule.hpp"

/// Containers in files, written as a hostile writer would: every sum and tag is right, and what
/// they vouch for is not.
namespace adapipe::testing {

namespace fs = std::filesystem;

inline const FileKey& file_key() {
  static const FileKey key(shared_key(100).bytes());
  return key;
}

inline const std::array<std::byte, 32>& file_salt() {
  static const std::array<std::byte, 32> salt = [] {
    std::array<std::byte, 32> made;
    FixedRandom(50).fill(made);
    return made;
  }();
  return salt;
}

template <std::unsigned_integral T>
Bytes le(T value) {
  return std::move(ByteWriter().put(value)).take();
}

inline Slot wrapped_for(const Recipient& recipient, const FileKey& key, std::uint8_t number = 0) {
  FixedRandom random(number);
  return recipient.impl().wrap(key, file_salt(), random, {});
}

inline RawSection slot_section(const Slot& slot) {
  return {6, 1, std::move(ByteWriter().put(slot.type).put(slot.body)).take()};
}

inline RawSections plain_sections(std::uint32_t chunk_bytes) {
  return {{1, 1, le(chunk_bytes)}, {2, 1, from_hex("01 00")}, {4, 1, Bytes(32)}};
}

inline RawSections sealed_sections(std::uint32_t chunk_bytes, const std::vector<Slot>& slots) {
  RawSections out = {{1, 1, le(chunk_bytes)}, {2, 1, from_hex("02 00")}, {3, 1, from_hex("01 00")}};
  out.push_back({4, 1, Bytes(file_salt().begin(), file_salt().end())});
  for (const Slot& slot : slots) out.push_back(slot_section(slot));
  return out;
}

/// Without further sections, one that the key opens.
inline RawSections good_sections() {
  return sealed_sections(65536, {wrapped_for(shared_key(1), file_key())});
}

inline void insert(RawSections& sections, RawSection section) {
  const auto at = std::ranges::upper_bound(sections, section.tag, {}, &RawSection::tag);
  sections.insert(at, std::move(section));
}

/// How many bytes of a value a further section could have.
inline std::size_t room(const RawSections& sections) {
  std::size_t used = layout::kSectionHeadBytes;
  for (const RawSection& s : sections) used += layout::kSectionHeadBytes + s.value.size();
  return layout::kMaxHeaderBytes - used;
}

inline RawSections padded(RawSections sections) {
  insert(sections, {9, 0, Bytes(room(sections))});
  return sections;
}

inline NewContainer head_of(RawSections sections) {
  NewContainer made{.head = raw_head(sections), .keys = {}};
  const ByteSpan covered = ByteSpan(made.head).first(made.head.size() - layout::kHeaderSumBytes);
  Digest256 tag;
  if (section(sections, 2).value == from_hex("01 00")) {
    tag = compute_header_tag(Integrity::checksum, {}, covered);
    made.keys = {.integrity = Integrity::checksum, .seed = load_le<std::uint64_t>(tag.data())};
  } else {
    const KeySchedule schedule(file_key(), file_salt(), {});
    tag = compute_header_tag(Integrity::aead, schedule.header_key().bytes(), covered);
    made.keys = {.integrity = Integrity::aead, .cipher = openssl_aead(kAes256Gcm)};
    made.keys.key = schedule.record_key(*made.keys.cipher);
  }
  made.head.insert(made.head.end(), tag.begin(), tag.end());
  return made;
}

/// A container in a file, written from front to back. Holes take no space on the disk.
class Container {
 public:
  Container(const fs::path& path, const RawSections& sections)
      : out_(path, std::ios::binary), head_(head_of(sections)) {
    out_.exceptions(std::ios::badbit | std::ios::failbit);
    put(head_.head);
  }

  std::size_t overhead_bytes() const { return head_.keys.overhead_bytes(); }
  void put(ByteSpan bytes) {
    out_.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    at_ += bytes.size();
  }
  void hole(std::uint64_t bytes) {
    at_ += bytes;
    out_.seekp(static_cast<std::streamoff>(at_));
  }
  void chunk(std::uint32_t plain_bytes, ByteSpan data) {
    put(sealed({.plain_bytes = plain_bytes, .sequence = index_.chunks()}, data));
    index_.add({static_cast<std::uint32_t>(data.size() + overhead_bytes()), plain_bytes});
  }
  /// A record whose payload is a hole.
  void empty_chunk(std::uint32_t plain_bytes, std::uint32_t stored_bytes) {
    put(encode_record_header(
        {.plain_bytes = plain_bytes, .stored_bytes = stored_bytes, .sequence = index_.chunks()}));
    hole(stored_bytes);
    index_.add({stored_bytes, plain_bytes});
  }
  /// `count` entries of the index, whose records of 1 byte are a hole.
  void empty_chunks(std::uint64_t count) {
    const auto stored_bytes = static_cast<std::uint32_t>(1 + overhead_bytes());
    for (std::uint64_t i = 0; i < count; ++i) index_.add({stored_bytes, 1});
    hole(count * (layout::kRecordHeaderBytes + stored_bytes));
  }
  void finish() { put(seal_tail(index_, at_, head_.keys)); }
  /// An index record that says what it likes, and a trailer that agrees.
  void finish(std::uint64_t sequence, ByteSpan content) {
    const Bytes record = sealed({.type = RecordType::index,
                                 .plain_bytes = static_cast<std::uint32_t>(content.size()),
                                 .sequence = sequence},
                                content);
    const auto trailer = encode_trailer({.index_offset = at_, .index_record_bytes = record.size()});
    put(record);
    put(trailer);
  }
  /// As finish(), the content being a hole of the size that `chunks` chunks need.
  void finish_with_hole(std::uint64_t chunks, std::uint64_t sequence) {
    const auto bytes =
        static_cast<std::uint32_t>(layout::kIndexHeadBytes + layout::kIndexEntryBytes * chunks);
    const auto stored_bytes = static_cast<std::uint32_t>(bytes + overhead_bytes());
    const auto trailer = encode_trailer(
        {.index_offset = at_, .index_record_bytes = layout::kRecordHeaderBytes + stored_bytes});
    put(encode_record_header({.type = RecordType::index,
                              .plain_bytes = bytes,
                              .stored_bytes = stored_bytes,
                              .sequence = sequence}));
    hole(stored_bytes);
    put(trailer);
  }

 private:
  Bytes sealed(RecordHeader header, ByteSpan data) const {
    Bytes record(layout::kRecordHeaderBytes + data.size() + overhead_bytes());
    RecordProtector(head_.keys).seal(header, data, record.data());
    return record;
  }

  std::ofstream out_;
  NewContainer head_;
  Index index_;
  std::uint64_t at_ = 0;
};

class Folder {
 public:
  explicit Folder(fs::path path) : path_(std::move(path)) { fs::create_directories(path_); }

  fs::path operator/(const std::string& name) const { return path_ / name; }

  /// Nothing but a header, and the end of an empty stream.
  void add_header(const std::string& name, const RawSections& sections) const {
    Container(path_ / name, sections).finish();
  }
  /// What `fill` makes behind a header, in either kind of protection.
  void add_both(const std::string& name, std::uint32_t chunk_bytes, std::size_t zstd_stages,
                const std::function<void(Container&)>& fill) const {
    RawSections plain = plain_sections(chunk_bytes);
    RawSections sealed = sealed_sections(chunk_bytes, {wrapped_for(shared_key(1), file_key())});
    for (RawSections* sections : {&plain, &sealed})
      for (std::size_t i = 0; i < zstd_stages; ++i)
        insert(*sections, {5, 1,
                           from_text("\x0c"
                                     "adapipe.zstd")});
    Container plain_container(path_ / (name + ".plain"), plain);
    fill(plain_container);
    Container sealed_container(path_ / (name + ".sealed"), sealed);
    fill(sealed_container);
  }

 private:
  fs::path path_;
};

}  // namespace adapipe::testing
