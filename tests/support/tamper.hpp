#pragma once

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "keys/kdf.hpp"
#include "support/bytes.hpp"
#include "util/endian.hpp"

namespace adapipe::testing {

/// The parts of a container that promise different errors, in the order in which they stand.
enum class Part {
  magic,
  major,
  minor,
  header_bytes,
  header,
  header_sum,
  header_tag,
  chunk,
  index,
  trailer_fields,
  end_magic,
};

/// Where a byte of a container stands.
struct Place {
  Part part;
  std::size_t record = 0;  ///< number of the record; the index is the last
  std::size_t at = 0;      ///< offset in the part, of a record in the record
};

/// A container taken apart by what FORMAT.md says, for damage of every kind. Nothing keyed can be
/// made anew, except with integrity 1, where there are no keys.
class Tampered {
 public:
  static constexpr std::size_t kPreamble = 16, kSum = 8, kTag = 32, kRecordHeader = 24;
  static constexpr std::size_t kTrailer = 24, kEndMagic = 8, kCheck = 8;

  /// `container` must be sound.
  explicit Tampered(const Bytes& container) {
    const std::size_t header = load_le<std::uint32_t>(container.data() + 12);
    std::size_t at = kPreamble + header + kSum + kTag;
    head = slice(container, 0, at);
    while (container.size() - at > kTrailer) {
      const std::size_t payload = load_le<std::uint32_t>(container.data() + at + 12);
      records.push_back(slice(container, at, kRecordHeader + payload));
      at += records.back().size();
    }
    trailer = slice(container, at, kTrailer);
  }

  Bytes head;                  ///< preamble || header || header_sum || header_tag
  std::vector<Bytes> records;  ///< the index record is the last
  Bytes trailer;

  Bytes bytes() const {
    Bytes all = head;
    for (const Bytes& record : records) all.insert(all.end(), record.begin(), record.end());
    all.insert(all.end(), trailer.begin(), trailer.end());
    return all;
  }
  std::size_t chunks() const { return records.size() - 1; }
  std::size_t offset_of(std::size_t record) const {
    std::size_t offset = head.size();
    for (std::size_t k = 0; k < record; ++k) offset += records[k].size();
    return offset;
  }
  std::size_t size() const { return offset_of(records.size()) + trailer.size(); }

  Place place_of(std::size_t offset) const {
    const std::pair<Part, std::size_t> parts[] = {
        {Part::magic, 8},
        {Part::major, 2},
        {Part::minor, 2},
        {Part::header_bytes, 4},
        {Part::header, head.size() - kPreamble - kSum - kTag},
        {Part::header_sum, kSum},
        {Part::header_tag, kTag}};
    for (const auto& [part, bytes] : parts) {
      if (offset < bytes) return {.part = part, .at = offset};
      offset -= bytes;
    }
    for (std::size_t k = 0; k < records.size(); ++k) {
      if (offset < records[k].size())
        return {.part = k < chunks() ? Part::chunk : Part::index, .record = k, .at = offset};
      offset -= records[k].size();
    }
    const bool is_field = offset < kTrailer - kEndMagic;
    return {.part = is_field ? Part::trailer_fields : Part::end_magic, .at = offset};
  }

  void drop(std::size_t k) { records.erase(records.begin() + static_cast<std::ptrdiff_t>(k)); }
  void duplicate(std::size_t k) {
    records.insert(records.begin() + static_cast<std::ptrdiff_t>(k), Bytes(records[k]));
  }
  void swap(std::size_t i, std::size_t j) { std::swap(records[i], records[j]); }
  /// What follows record `k` comes from `other`, that record included.
  void splice_tail(const Tampered& other, std::size_t k) {
    records.resize(k);
    std::copy(other.records.begin() + static_cast<std::ptrdiff_t>(k), other.records.end(),
              std::back_inserter(records));
    trailer = other.trailer;
  }

  /// Adds `delta` to a field of a record header.
  template <typename T>
  void add_to(std::size_t record, std::size_t field, T delta) {
    std::byte* const at = records[record].data() + field;
    store_le(at, static_cast<T>(load_le<T>(at) + delta));
  }
  void grow(std::size_t record, std::ptrdiff_t bytes) {
    Bytes& grown = records[record];
    if (bytes < 0)
      grown.erase(grown.end() + bytes, grown.end());
    else
      grown.resize(grown.size() + static_cast<std::size_t>(bytes));
  }

  /// Makes the trailer point at the last record.
  void fix_trailer() {
    store_le(trailer.data(), std::uint64_t{offset_of(records.size() - 1)});
    store_le(trailer.data() + 8, std::uint64_t{records.back().size()});
  }
  void fix_header_sum() {
    std::byte* const sum = head.data() + head.size() - kTag - kSum;
    store_le(sum, std::uint64_t{XXH3_64bits(head.data(), head.size() - kTag - kSum)});
  }
  /// integrity 1.
  void fix_header_tag() {
    const auto tag = sha256({std::span(head).first(head.size() - kTag - kSum)});
    std::ranges::copy(tag, head.end() - kTag);
  }
  /// integrity 1.
  void fix_checks() {
    const auto seed = load_le<std::uint64_t>(head.data() + head.size() - kTag);
    for (Bytes& record : records) {
      const std::size_t checked = record.size() - kCheck;
      store_le(record.data() + checked,
               std::uint64_t{XXH3_64bits_withSeed(record.data(), checked, seed)});
    }
  }

 private:
  static Bytes slice(const Bytes& bytes, std::size_t offset, std::size_t count) {
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    return {from, from + static_cast<std::ptrdiff_t>(count)};
  }
};

inline Bytes flipped(Bytes bytes, std::size_t offset, std::byte mask) {
  bytes[offset] ^= mask;
  return bytes;
}

inline Bytes cut(Bytes bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

inline Bytes joined(Bytes bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

}  // namespace adapipe::testing
