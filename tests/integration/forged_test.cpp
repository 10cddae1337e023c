// Edits of somebody who knows the format: everything that takes no key is made to fit again. With
// integrity 2 nothing of it helps. With integrity 1 all of it is possible; what is promised then is
// that the records belong to their header, and that the reader comes to no harm.

#include <fmt/format.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/tamper.hpp"
#include "support/tamper_subjects.hpp"
#include "support/tamper_trial.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kMinorAt = 10, kHeaderBytesAt = 12, kSectionsAt = 16;

/// Calls `visit` with each single-bit change of the minor version and of the sections.
template <typename Visit>
void for_each_header_bit(const Subject& subject, Visit visit) {
  const Tampered sound(subject.sealed);
  const std::size_t end = sound.head.size() - Tampered::kSum - Tampered::kTag;
  for (std::size_t offset = kMinorAt; offset < end; ++offset) {
    if (offset >= kHeaderBytesAt && offset < kSectionsAt) continue;
    for (int bit = 0; bit < 8; ++bit) {
      Tampered tampered = sound;
      tampered.head[offset] ^= std::byte{1} << bit;
      visit(offset, std::move(tampered));
    }
  }
}

struct Reading {
  errc kind;  // errc{}: none
  Bytes plain;
};

Reading read_from(Source source, const Subject& subject) {
  RestoreOptions options = subject.options;
  options.runtime = Runtime::serial();
  Reading reading;
  reading.kind =
      thrown_kind([&] { restore(std::move(source), Sink::memory(reading.plain), options); });
  return reading;
}
Reading read_by_index(const Bytes& sealed, const Subject& subject) {
  return read_from(Source::memory(sealed), subject);
}
Reading read_from_front(const Bytes& sealed, const Subject& subject) {
  return read_from(Source(std::make_unique<HookedStream>(sealed, BeforeCall())), subject);
}

bool is_one_of(errc kind, std::initializer_list<errc> kinds) {
  return std::ranges::find(kinds, kind) != kinds.end();
}

/// Changes a field of record `k`, and its payload where that has to fit.
struct Forgery {
  const char* what;
  void (*edit)(Tampered&, std::size_t k);
};
const Forgery kForgeries[] = {
    {"skips one stage more or less",
     [](Tampered& t, std::size_t k) { t.records[k][6] ^= std::byte{1}; }},
    {"one plain byte more", [](Tampered& t, std::size_t k) { t.add_to<std::uint32_t>(k, 8, 1); }},
    {"one plain byte less", [](Tampered& t, std::size_t k) { t.add_to<std::uint32_t>(k, 8, -1u); }},
    {"one stored byte more",
     [](Tampered& t, std::size_t k) {
       t.add_to<std::uint32_t>(k, 12, 1);
       t.grow(k, 1);
     }},
    {"one stored byte less",
     [](Tampered& t, std::size_t k) {
       t.add_to<std::uint32_t>(k, 12, -1u);
       t.grow(k, -1);
     }},
    {"one byte more of both",
     [](Tampered& t, std::size_t k) {
       t.add_to<std::uint32_t>(k, 8, 1);
       t.add_to<std::uint32_t>(k, 12, 1);
       t.grow(k, 1);
     }},
    {"the next number", [](Tampered& t, std::size_t k) { t.add_to<std::uint64_t>(k, 16, 1); }},
    {"the number before",
     [](Tampered& t, std::size_t k) { t.add_to<std::uint64_t>(k, 16, ~std::uint64_t{0}); }},
};

/// Records that are sound one by one and do not make a container together.
constexpr std::size_t kCountAt = 24, kTotalAt = 32, kEntriesAt = 40;  // in the index record
const std::pair<const char*, void (*)(Tampered&)> kDisagreements[] = {
    {"first chunk dropped", [](Tampered& t) { t.drop(0); }},
    {"last chunk dropped", [](Tampered& t) { t.drop(t.chunks() - 1); }},
    {"first chunk twice", [](Tampered& t) { t.duplicate(0); }},
    {"last chunk twice", [](Tampered& t) { t.duplicate(t.chunks() - 1); }},
    {"chunks swapped", [](Tampered& t) { t.swap(0, 2); }},
    {"chunks numbered from 1",
     [](Tampered& t) {
       for (std::size_t k = 0; k < t.chunks(); ++k) t.add_to<std::uint64_t>(k, 16, 1);
     }},
    {"index that names another count of itself",
     [](Tampered& t) { t.add_to<std::uint64_t>(t.chunks(), 16, 1); }},
    {"index that lists a chunk more",
     [](Tampered& t) { t.add_to<std::uint64_t>(t.chunks(), kCountAt, 1); }},
    {"index that lists a chunk less",
     [](Tampered& t) { t.add_to<std::uint64_t>(t.chunks(), kCountAt, ~std::uint64_t{0}); }},
    {"index with another total",
     [](Tampered& t) { t.add_to<std::uint64_t>(t.chunks(), kTotalAt, 1); }},
    {"index with other stored sizes",
     [](Tampered& t) {
       t.add_to<std::uint32_t>(t.chunks(), kEntriesAt, 1);
       t.add_to<std::uint32_t>(t.chunks(), kEntriesAt + 8, -1u);
     }},
    {"index with other plain sizes",
     [](Tampered& t) {
       t.add_to<std::uint32_t>(t.chunks(), kEntriesAt + 4, -1u);
       t.add_to<std::uint32_t>(t.chunks(), kEntriesAt + 24 + 4, 1);
     }},
};

}  // namespace

TEST_CASE("a header that was changed and summed again does not pass for the writer's") {
  for (const Subject& subject : tamper_subjects())
    for_each_header_bit(subject, [&](std::size_t offset, Tampered tampered) {
      tampered.fix_header_sum();
      const Bytes edited = tampered.bytes();
      const errc by_tag = subject.encrypted ? errc::wrong_key : errc::corrupt;
      const errc kind = read_by_index(edited, subject).kind;
      INFO(subject.name << ", byte " << offset);
      if (offset < kSectionsAt)
        CHECK(kind == by_tag);
      else
        CHECK(is_one_of(kind, {by_tag, errc::corrupt, errc::unsupported_version}));
      hold(subject,
           {{fmt::format("byte {} with its sum", offset),
             edited,
             {.from_front = kind, .by_index = kind, .head_fails = kind != errc::wrong_key}}},
           Runtime::serial());
    });
}

TEST_CASE("records do not pass under a header that was changed and tagged again") {
  for (const Subject& subject : tamper_subjects()) {
    if (subject.encrypted) continue;
    for_each_header_bit(subject, [&](std::size_t offset, Tampered tampered) {
      tampered.fix_header_sum();
      tampered.fix_header_tag();
      const Bytes edited = tampered.bytes();
      INFO(subject.name << ", byte " << offset);
      for (const auto& read : {read_by_index, read_from_front})
        CHECK(is_one_of(read(edited, subject).kind,
                        {errc::corrupt, errc::unsupported_version, errc::unknown_stage}));
    });
  }
}

TEST_CASE("without a key a container can be made anew, and gives its bytes or an error") {
  for (const Subject& subject : tamper_subjects()) {
    if (subject.encrypted) continue;
    for_each_header_bit(subject, [&](std::size_t offset, Tampered tampered) {
      tampered.fix_header_sum();
      tampered.fix_header_tag();
      tampered.fix_checks();
      INFO(subject.name << ", byte " << offset);
      for (const auto& read : {read_by_index, read_from_front}) {
        const Reading reading = read(tampered.bytes(), subject);
        if (reading.kind == errc{})
          CHECK(reading.plain == subject.plain);
        else
          CHECK(is_one_of(reading.kind,
                          {errc::corrupt, errc::unsupported_version, errc::unknown_stage}));
        // Any minor version is read.
        if (offset < kSectionsAt) CHECK(reading.kind == errc{});
      }
    });
  }
}

TEST_CASE("records, index and trailer must agree, though each is sound") {
  const Subject& subject = tamper_subjects().front();
  REQUIRE_FALSE(subject.encrypted);
  REQUIRE(Tampered(subject.sealed).chunks() == 4);
  for (const auto& [what, edit] : kDisagreements) {
    INFO(what);
    Tampered tampered(subject.sealed);
    edit(tampered);
    tampered.fix_trailer();
    tampered.fix_checks();
    for (const auto& read : {read_by_index, read_from_front})
      CHECK(read(tampered.bytes(), subject).kind == errc::corrupt);
  }
}

TEST_CASE("a record whose header was changed does not pass, whatever else fits") {
  for (const Subject& subject : tamper_subjects()) {
    Edits edits;
    const std::size_t chunks = Tampered(subject.sealed).chunks();
    for (const Forgery& forgery : kForgeries)
      for (std::size_t k = 0; k <= chunks; ++k) {
        Tampered tampered(subject.sealed);
        forgery.edit(tampered, k);
        tampered.fix_trailer();
        edits.push_back({fmt::format("record {}: {}", k, forgery.what),
                         tampered.bytes(),
                         {.from_front = errc::corrupt,
                          .by_index = errc::corrupt,
                          .chunk = k < chunks ? std::optional<std::uint64_t>(k) : std::nullopt}});
      }
    hold(subject, edits, Runtime::serial());
  }
}

TEST_CASE("a container without its last chunk does not pass under an index that counts one less") {
  for (const Subject& subject : tamper_subjects()) {
    Tampered tampered(subject.sealed);
    if (tampered.chunks() == 0) continue;
    tampered.drop(tampered.chunks() - 1);
    tampered.add_to<std::uint64_t>(tampered.chunks(), 16, ~std::uint64_t{0});
    tampered.fix_trailer();
    hold(subject, {{"last chunk dropped", tampered.bytes(), {errc::corrupt, errc::corrupt}}},
         Runtime::serial());
  }
}

TEST_CASE("a container without a key does not pass for one with a key, nor the other way round") {
  for (const Subject& subject : tamper_subjects())
    for (const Subject& other : tamper_subjects())
      if (other.encrypted != subject.encrypted) {
        INFO(other.name << " in the place of " << subject.name);
        for (const auto& read : {read_by_index, read_from_front})
          CHECK(read(other.sealed, subject).kind == errc::wrong_key);
      }
}

}  // namespace adapipe
