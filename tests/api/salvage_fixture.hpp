#pragma once

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "container/open.hpp"
#include "support/catch.hpp"
#include "support/tamper.hpp"
#include "support/tamper_subjects.hpp"
#include "support/thrown.hpp"

namespace adapipe::testing {

inline bool contains(const Bytes& bytes, const Bytes& part) {
  return std::search(bytes.begin(), bytes.end(), part.begin(), part.end()) != bytes.end();
}

/// What salvaging an edited container has to give. Chunks were cut evenly.
class Expected {
 public:
  Expected(const Subject& subject, const Bytes& edited) : subject_(subject) {
    const Tampered sound(subject.sealed);
    for (std::size_t k = 0; k < sound.chunks(); ++k)
      intact_.push_back(contains(edited, sound.records[k]));
    has_index_ = contains(edited, sound.records.back());
    end_known = has_index_ || length_in_header().has_value();
    const auto last = std::find(intact_.rbegin(), intact_.rend(), true);
    const std::size_t reached = static_cast<std::size_t>(intact_.rend() - last);
    const std::size_t end = end_known ? intact_.size() : reached;
    output.resize(std::min(end * subject.chunk_bytes, subject.plain.size()));
    bool gap = false;
    for (std::size_t k = 0; k < end; ++k) {
      const std::size_t from = k * subject.chunk_bytes;
      const std::size_t bytes = std::min(subject.chunk_bytes, output.size() - from);
      if (intact_[k]) {
        std::copy_n(subject.plain.begin() + static_cast<std::ptrdiff_t>(from), bytes,
                    output.begin() + static_cast<std::ptrdiff_t>(from));
        recovered_bytes += bytes;
        if (gap && !has_index_ && !assumed_from) assumed_from = from;
      } else {
        if (gap && !intact_[k - 1])
          lost.back().length_bytes += bytes;
        else
          lost.push_back({.offset_bytes = from, .length_bytes = bytes, .first_chunk = k});
        gap = true;
      }
    }
    fails = recovered_bytes == 0 && !(end_known && subject.plain.empty());
  }

  Bytes output;
  std::vector<LostRange> lost;
  std::uint64_t recovered_bytes = 0;
  std::optional<std::uint64_t> assumed_from{};
  bool end_known = false;
  bool fails = false;

 private:
  std::optional<std::uint64_t> length_in_header() const {
    if (!subject_.encrypted) {  // inspect() would read the index
      const Bytes head = Tampered(subject_.sealed).head;
      return read_header([at = std::size_t{0}, head](std::span<std::byte> to) mutable {
               std::copy_n(head.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
               at += to.size();
               return to.size();
             })
          .plain_bytes;
    }
    return inspect(Source::memory(subject_.sealed)).plain_bytes;
  }

  const Subject& subject_;
  std::vector<bool> intact_;
  bool has_index_ = false;
};

inline bool same_place(const LostRange& a, const LostRange& b) {
  return a.offset_bytes == b.offset_bytes && a.length_bytes == b.length_bytes &&
         a.first_chunk == b.first_chunk;
}

/// Everything behind the header of `edited` may be changed.
inline void hold(const Subject& subject, const std::string& what, const Bytes& edited) {
  const Expected expected(subject, edited);
  Bytes output;
  SalvageReport report;
  const Error error = thrown_by(
      [&] { report = salvage(Source::memory(edited), Sink::memory(output), subject.options); });
  const auto complain = [&](const std::string& complaint) {
    FAIL_CHECK(subject.name << ", " << what << ": " << complaint);
  };
  if (error.kind() != (expected.fails ? errc::corrupt : errc{}))
    return complain(std::string("ends with: ") + error.what());
  if (expected.fails) {
    if (!output.empty()) complain("leaves bytes behind");
    return;
  }
  if (output != expected.output) complain("other bytes come back");
  if (!std::ranges::equal(report.lost, expected.lost, same_place))
    complain("other ranges are lost");
  if (report.end_known != expected.end_known) complain("knows the end, or does not");
  if (report.assumed_from_bytes != expected.assumed_from) complain("other offsets are assumed");
  if (report.recovered_bytes != expected.recovered_bytes || report.output_bytes != output.size() ||
      report.input_bytes != edited.size())
    complain("counts otherwise");
  if (report.is_complete() && output != subject.plain) complain("calls it complete");
}

/// Of the kinds that have four chunks, with the length in the header or not.
inline const Subject& subject_named(const std::string& name) {
  return *std::ranges::find(tamper_subjects(), name, &Subject::name);
}

/// Four chunks, the second one damaged.
struct Damaged {
  explicit Damaged(const std::string& name, std::size_t chunk = 1)
      : subject(subject_named(name)),
        bytes(
            flipped(subject.sealed, Tampered(subject.sealed).offset_of(chunk) + 30, std::byte{1})),
        expected(Expected(subject, bytes).output) {}
  const Subject& subject;
  Bytes bytes;
  Bytes expected;
};

}  // namespace adapipe::testing
