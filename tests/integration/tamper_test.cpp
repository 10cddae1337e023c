// Damage of every kind to small containers is refused by every reader, with the promised error, and
// no wrong byte is handed out. Exhaustive: every byte, every length, every record.

#include "support/tamper.hpp"

#include <fmt/format.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/tamper_subjects.hpp"
#include "support/tamper_trial.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr errc kCorrupt = errc::corrupt;
constexpr errc kTruncated = errc::truncated;

/// FORMAT.md, "Reading defensively": what a change in a part leads to. The first reader goes from
/// front to back, the second one has random access.
struct PartPromise {
  Part part;
  errc from_front;
  errc by_index;
  bool head_fails;
};
constexpr PartPromise kPartPromises[] = {
    {Part::magic, errc::not_a_container, errc::not_a_container, true},
    {Part::major, errc::unsupported_version, errc::unsupported_version, true},
    {Part::minor, kCorrupt, kCorrupt, true},         // any is read, but header_sum covers it
    {Part::header_bytes, kCorrupt, kCorrupt, true},  // or truncated: see below
    {Part::header, kCorrupt, kCorrupt, true},        // never wrong_key
    {Part::header_sum, kCorrupt, kCorrupt, true},
    {Part::header_tag, kCorrupt, kCorrupt, false},  // encrypted: wrong_key
    {Part::chunk, kCorrupt, kCorrupt, false},       // type: or unsupported_version
    {Part::index, kCorrupt, kCorrupt, false},       // the same
    {Part::trailer_fields, kCorrupt, kCorrupt, false},
    {Part::end_magic, kCorrupt, kTruncated, false},  // only the first one knows: all is there
};

/// A flipped header_bytes claims more than is allowed, more than there is, or another header.
errc promised_of_header_bytes(const Bytes& bytes) {
  const std::uint64_t claimed = load_le<std::uint32_t>(bytes.data() + 12);
  const bool too_long =
      Tampered::kPreamble + claimed + Tampered::kSum + Tampered::kTag > bytes.size();
  return claimed <= 1 << 20 && too_long ? kTruncated : kCorrupt;
}

Expected promised_of_record(const Place& place, bool is_chunk, unsigned new_type) {
  Expected expected{.from_front = kCorrupt, .by_index = kCorrupt};
  if (is_chunk) expected.chunk = place.record;
  if (place.at == 4 && new_type > 1)
    expected.from_front = expected.by_index = errc::unsupported_version;
  if (place.at == 4 && new_type == 1) expected.chunk.reset();  // it says that it is the index
  expected.may_run_dry = is_chunk && place.at >= 12 && place.at < 16;
  return expected;
}

Edit flip(const Subject& subject, const Tampered& sound, std::size_t offset, std::byte mask) {
  const Place place = sound.place_of(offset);
  Edit edit{fmt::format("byte {} ^ {:#x}", offset, static_cast<unsigned>(mask)),
            flipped(subject.sealed, offset, mask),
            {}};
  if (place.part == Part::chunk || place.part == Part::index) {
    edit.expected = promised_of_record(place, place.part == Part::chunk,
                                       static_cast<unsigned>(edit.bytes[offset]));
    return edit;
  }
  const PartPromise& promise = kPartPromises[static_cast<std::size_t>(place.part)];
  edit.expected = {.from_front = promise.from_front,
                   .by_index = promise.by_index,
                   .head_fails = promise.head_fails};
  if (place.part == Part::header_bytes)
    edit.expected.from_front = edit.expected.by_index = promised_of_header_bytes(edit.bytes);
  if (place.part == Part::header_tag && subject.encrypted)
    edit.expected.from_front = edit.expected.by_index = errc::wrong_key;
  return edit;
}

Edits truncations(const Subject& subject) {
  Edits edits;
  const std::size_t head = Tampered(subject.sealed).head.size();
  for (std::size_t size = 0; size < subject.sealed.size(); ++size) {
    const errc kind = size == 0 ? errc::not_a_container : kTruncated;
    edits.push_back({fmt::format("cut to {} bytes", size),
                     cut(subject.sealed, size),
                     {.from_front = kind, .by_index = kind, .head_fails = size < head}});
  }
  return edits;
}

/// Adds an edit as it is, and with a trailer that points at its last record.
void add_record_edit(Edits& edits, const Subject& subject, const std::string& what,
                     std::optional<std::uint64_t> chunk,
                     const std::function<void(Tampered&)>& edit) {
  Tampered tampered(subject.sealed);
  edit(tampered);
  const Expected expected{.from_front = kCorrupt, .by_index = kCorrupt, .chunk = chunk};
  edits.push_back({what, tampered.bytes(), expected});
  if (tampered.records.empty()) return;
  tampered.fix_trailer();
  if (tampered.bytes() != edits.back().bytes)
    edits.push_back({what + ", trailer fixed", tampered.bytes(), expected});
}

Edits record_edits(const Subject& subject) {
  Edits edits;
  const std::size_t chunks = Tampered(subject.sealed).chunks();
  const auto chunk_if = [chunks](std::size_t k) {
    return k < chunks ? std::optional<std::uint64_t>(k) : std::nullopt;
  };
  for (std::size_t k = 0; k <= chunks; ++k) {
    add_record_edit(edits, subject, fmt::format("record {} dropped", k), chunk_if(k),
                    [k](Tampered& t) { t.drop(k); });
    add_record_edit(edits, subject, fmt::format("record {} twice", k), chunk_if(k + 1),
                    [k](Tampered& t) { t.duplicate(k); });
    for (std::size_t j = k + 1; j <= chunks; ++j)
      add_record_edit(edits, subject, fmt::format("records {} and {} swapped", k, j), chunk_if(k),
                      [k, j](Tampered& t) { t.swap(k, j); });
  }
  return edits;
}

/// Parts of `other` in the place of one's own.
Edits splices(const Subject& subject, const Bytes& other, const std::string& name) {
  const Tampered sound(subject.sealed), donor(other);
  const std::size_t chunks = std::min(sound.chunks(), donor.chunks());
  Edits edits;
  for (std::size_t k = 0; k < chunks; ++k) {
    add_record_edit(edits, subject, fmt::format("record {} of {}", k, name), k,
                    [&](Tampered& t) { t.records[k] = donor.records[k]; });
    add_record_edit(edits, subject, fmt::format("records from {} on of {}", k, name), k,
                    [&](Tampered& t) { t.splice_tail(donor, k); });
  }
  add_record_edit(edits, subject, "index of " + name, std::nullopt,
                  [&](Tampered& t) { t.records.back() = donor.records.back(); });
  add_record_edit(edits, subject, "index and trailer of " + name, std::nullopt, [&](Tampered& t) {
    t.records.back() = donor.records.back();
    t.trailer = donor.trailer;
  });
  if (donor.trailer != sound.trailer)  // it is public, and the same for containers of one layout
    edits.push_back({"trailer of " + name,
                     joined(cut(subject.sealed, subject.sealed.size() - 24), donor.trailer),
                     {.from_front = kCorrupt, .by_index = kCorrupt}});
  return edits;
}

/// A header that is sound in itself, of a container for the same key.
Edit foreign_header(const Subject& subject, const Bytes& other) {
  Tampered tampered(subject.sealed);
  tampered.head = Tampered(other).head;
  return {"another's header",
          tampered.bytes(),
          {.from_front = kCorrupt,
           .by_index = kCorrupt,
           .chunk = tampered.chunks() > 0 ? std::optional<std::uint64_t>(0) : std::nullopt}};
}

Edits appended(const Subject& subject) {
  const Tampered sound(subject.sealed);
  std::vector<std::pair<std::string, Bytes>> tails = {
      {"itself", subject.sealed},
      {"a sibling", subject.sibling},
      {"its trailer", sound.trailer},
      {"its index and trailer", joined(sound.records.back(), sound.trailer)},
      {"its index", sound.records.back()},
      {"its end magic", Bytes(sound.trailer.begin() + 16, sound.trailer.end())}};
  for (const std::size_t size : {1u, 23u, 24u, 25u}) {
    tails.emplace_back(fmt::format("{} zeros", size), Bytes(size));
    tails.emplace_back(fmt::format("{} random bytes", size), random_bytes(size, size));
  }
  Edits edits;
  for (const auto& [what, tail] : tails) {
    const bool has_end =
        tail.size() >= 8 && std::equal(tail.end() - 8, tail.end(), sound.trailer.end() - 8);
    edits.push_back({what + " appended",
                     joined(subject.sealed, tail),
                     {.from_front = kCorrupt, .by_index = has_end ? kCorrupt : kTruncated}});
  }
  return edits;
}

/// Each single bit, and all of them.
constexpr std::array kMasks = {std::byte{0x01}, std::byte{0x02}, std::byte{0x04},
                               std::byte{0x08}, std::byte{0x10}, std::byte{0x20},
                               std::byte{0x40}, std::byte{0x80}, std::byte{0xFF}};

Edits flips(const Subject& subject, std::size_t offset) {
  const Tampered sound(subject.sealed);
#ifdef ADAPIPE_TEST_ADDRESS_SANITIZER  // with it, all of them take minutes: by turns
  const std::array masks = {kMasks[offset % kMasks.size()]};
#else
  const std::array masks = kMasks;
#endif
  Edits edits;
  for (const std::byte mask : masks) edits.push_back(flip(subject, sound, offset, mask));
  return edits;
}

void hold_flips(bool encrypted) {
  const Watchdog watchdog(std::chrono::seconds(280));
  for (const Subject& subject : tamper_subjects())
    for (std::size_t offset = 0; offset < subject.sealed.size(); ++offset)
      if (subject.encrypted == encrypted) hold(subject, flips(subject, offset), Runtime::serial());
}

}  // namespace

TEST_CASE("the subjects are sound") {
  for (const Subject& subject : tamper_subjects()) {
    INFO(subject.name);
    for (const Bytes& sealed : {subject.sealed, subject.sibling}) {
      CHECK(Tampered(sealed).bytes() == sealed);
      Bytes back;
      restore(Source::memory(sealed), Sink::memory(back), subject.options);
      CHECK(back == subject.plain);
    }
    CHECK(Tampered(subject.sealed).trailer == Tampered(subject.sibling).trailer);
  }
  CHECK(Tampered(tamper_subjects()[0].sealed).chunks() == 4);
}

TEST_CASE("every flipped bit of every byte is refused, with a key") { hold_flips(true); }
TEST_CASE("every flipped bit of every byte is refused, without a key") { hold_flips(false); }

TEST_CASE("every truncation is refused") {
  for (const Subject& subject : tamper_subjects())
    hold(subject, truncations(subject), Runtime::serial());
}

TEST_CASE("every record dropped, twice or swapped is refused") {
  for (const Subject& subject : tamper_subjects())
    hold(subject, record_edits(subject), Runtime::serial());
}

TEST_CASE("every part of another container is refused") {
  for (const Subject& subject : tamper_subjects()) {
    for (const Subject& other : tamper_subjects())
      if (&other != &subject)
        hold(subject, splices(subject, other.sealed, other.name), Runtime::serial());
    hold(subject, splices(subject, subject.sibling, "a sibling"), Runtime::serial());
    hold(subject, splices(subject, subject.cousin, "a cousin"), Runtime::serial());
    hold(subject, {foreign_header(subject, subject.sibling)}, Runtime::serial());
    hold(subject, {foreign_header(subject, subject.cousin)}, Runtime::serial());
  }
}

TEST_CASE("whatever follows the end is refused") {
  for (const Subject& subject : tamper_subjects())
    hold(subject, appended(subject), Runtime::serial());
}

TEST_CASE("the parallel engine refuses the same") {
  const Watchdog watchdog(std::chrono::seconds(280));
  const Runtime runtime({.worker_threads = 2});
  for (const Subject& subject : tamper_subjects()) {
    const Tampered sound(subject.sealed);
    for (std::size_t offset = 0; offset < subject.sealed.size(); ++offset)
      hold(subject, {flip(subject, sound, offset, kMasks[offset % 8])}, runtime);
    hold(subject, truncations(subject), runtime);
    hold(subject, record_edits(subject), runtime);
    hold(subject, splices(subject, subject.sibling, "a sibling"), runtime);
    hold(subject, appended(subject), runtime);
  }
  CHECK(runtime.memory_in_use_bytes() == 0);
}

TEST_CASE("a file that a damaged container is restored to stays as it was") {
  const TempDir dir;
  const Runtime parallel({.worker_threads = 2});
  for (const Subject& subject : tamper_subjects())
    for (const Runtime& runtime : {Runtime::serial(), parallel})
      for (std::size_t offset = 0; offset < subject.sealed.size(); offset += 8) {
        INFO(subject.name << ", byte " << offset);
        const Bytes old = from_text("old");
        write_file(dir / "file", old);
        const Bytes edited = flipped(subject.sealed, offset, std::byte{0x10});
        write_file(dir / "sealed", edited);
        RestoreOptions options = subject.options;
        options.runtime = runtime;
        const auto to_file = [&] {
          return Sink::file(dir / "file", {.overwrite = true, .durable = false});
        };
        CHECK(thrown_kind([&] { restore(dir / "sealed", to_file(), options); }) != errc{});
        CHECK(thrown_kind([&] {
                restore(Source(std::make_unique<HookedStream>(edited, BeforeCall())), to_file(),
                        options);
              }) != errc{});
        CHECK(read_file(dir / "file") == old);
        const std::filesystem::directory_iterator entries(dir.path());
        CHECK(std::distance(begin(entries), end(entries)) == 2);
      }
}

}  // namespace adapipe
