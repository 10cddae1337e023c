// What a damaged container still gives up. Exhaustive for small ones: whatever is done to them,
// every chunk whose record is still there, as it was, comes back at its place, and nothing else.

#include <fmt/format.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "api/salvage_fixture.hpp"
#include "support/catch.hpp"
#include "support/endpoint_kinds.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/tamper.hpp"
#include "support/tamper_subjects.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

void hold_flips(bool encrypted) {
  for (const Subject& subject : tamper_subjects()) {
    if (subject.encrypted != encrypted) continue;
    for (std::size_t at = Tampered(subject.sealed).head.size(); at < subject.sealed.size(); ++at)
      for (const unsigned mask : {0x01u, 0x80u, 0xFFu})
        hold(subject, fmt::format("byte {} ^ {:#x}", at, mask),
             flipped(subject.sealed, at, std::byte(mask)));
  }
}

/// A host's own sink that must be written without a gap.
class GaplessSink final : public PositionalSinkImpl {
 public:
  explicit GaplessSink(Bytes& bytes) : bytes_(bytes) {}
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    CHECK(offset == bytes_.size());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void commit() override {}
  void abandon() noexcept override { bytes_.clear(); }

 private:
  Bytes& bytes_;
};

}  // namespace

TEST_CASE("of a sound container, salvaging gives what restoring gives") {
  for (const Subject& subject : tamper_subjects()) {
    INFO(subject.name);
    Bytes back;
    const SalvageReport report =
        salvage(Source::memory(subject.sealed), Sink::memory(back), subject.options);
    CHECK(back == subject.plain);
    CHECK(report.is_complete());
    CHECK(report.lost.empty());
    CHECK(report.end_known);
    Bytes restored;
    const Report other =
        restore(Source::memory(subject.sealed), Sink::memory(restored), subject.options);
    CHECK(report.chunks == other.chunks);
    CHECK(report.input_bytes == other.input_bytes);
    CHECK(report.output_bytes == other.output_bytes);
    CHECK(report.slot_type == other.slot_type);
    REQUIRE(report.stages.size() == other.stages.size());
    for (std::size_t i = 0; i < report.stages.size(); ++i) {
      CHECK(report.stages[i].name == other.stages[i].name);
      CHECK(report.stages[i].bytes_out == other.stages[i].bytes_out);
    }
  }
}

TEST_CASE("every flipped byte costs its own chunk at most, with a key") { hold_flips(true); }
TEST_CASE("every flipped byte costs its own chunk at most, without a key") { hold_flips(false); }

TEST_CASE("two damaged records cost themselves, and offsets are assumed where one is the index") {
  for (const Subject& subject : tamper_subjects()) {
    const Tampered sound(subject.sealed);
    for (std::size_t k = 0; k < sound.records.size(); ++k)
      for (std::size_t j = k + 1; j < sound.records.size(); ++j) {
        const Bytes once = flipped(subject.sealed, sound.offset_of(k) + 24, std::byte{1});
        hold(subject, fmt::format("records {} and {} damaged", k, j),
             flipped(once, sound.offset_of(j) + 24, std::byte{1}));
      }
  }
}

TEST_CASE("every truncation costs what it cut off at most") {
  for (const Subject& subject : tamper_subjects())
    for (std::size_t size = Tampered(subject.sealed).head.size(); size <= subject.sealed.size();
         ++size)
      hold(subject, fmt::format("cut to {} bytes", size), cut(subject.sealed, size));
}

TEST_CASE("every stretch of zeros costs the chunks that it touches") {
  for (const Subject& subject : tamper_subjects()) {
    const std::size_t head = Tampered(subject.sealed).head.size();
    for (std::size_t from = head; from < subject.sealed.size(); from += 13)
      for (std::size_t to = from + 1; to <= subject.sealed.size(); to += 17) {
        Bytes edited = subject.sealed;
        std::fill(edited.begin() + static_cast<std::ptrdiff_t>(from),
                  edited.begin() + static_cast<std::ptrdiff_t>(to), std::byte{});
        hold(subject, fmt::format("zeros from {} to {}", from, to), edited);
      }
  }
}

TEST_CASE("bytes that are put in or taken out cost the chunk that they were in") {
  for (const Subject& subject : tamper_subjects()) {
    const std::size_t head = Tampered(subject.sealed).head.size();
    const auto may_begin_magic = [&](std::size_t at) {
      return at < subject.sealed.size() && subject.sealed[at] == std::byte{0xEF};
    };
    for (std::size_t at = head; at < subject.sealed.size(); ++at) {
      Bytes longer = subject.sealed;
      longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(at), 3, std::byte{0xEF});
      hold(subject, fmt::format("three bytes put in at {}", at), longer);
      // A tag that ends as the next magic begins: both records then claim the byte that is left.
      if (may_begin_magic(at) && (may_begin_magic(at - 1) || may_begin_magic(at + 1))) continue;
      Bytes shorter = subject.sealed;
      shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at));
      hold(subject, fmt::format("byte {} taken out", at), shorter);
    }
  }
}

TEST_CASE("a record counts as its own chunk wherever it is, another container's nowhere") {
  for (const Subject& subject : tamper_subjects()) {
    const Tampered sound(subject.sealed);
    const auto edited = [&](const std::string& what, const std::function<void(Tampered&)>& edit) {
      Tampered tampered = sound;
      edit(tampered);
      hold(subject, what, tampered.bytes());
    };
    for (std::size_t k = 0; k < sound.records.size(); ++k) {
      edited(fmt::format("record {} dropped", k), [k](Tampered& t) { t.drop(k); });
      edited(fmt::format("record {} twice", k), [k](Tampered& t) { t.duplicate(k); });
      for (std::size_t j = k + 1; j < sound.records.size(); ++j)
        edited(fmt::format("records {} and {} swapped", k, j),
               [k, j](Tampered& t) { t.swap(k, j); });
      for (const Bytes& other : {subject.sibling, subject.cousin}) {
        const Tampered donor(other);
        edited(fmt::format("record {} of another", k),
               [&](Tampered& t) { t.records[k] = donor.records[k]; });
        edited(fmt::format("records from {} on of another", k),
               [&](Tampered& t) { t.splice_tail(donor, k); });
      }
      if (k < sound.chunks())
        edited(fmt::format("record {} numbered anew", k),
               [k](Tampered& t) { t.add_to<std::uint64_t>(k, 16, 1); });
    }
    for (const Bytes& more : {subject.sealed, subject.sibling, subject.cousin, Bytes(100)})
      hold(subject, "something appended", joined(subject.sealed, more));
    edited("the trailer gone", [](Tampered& t) { t.trailer.clear(); });
  }
}

TEST_CASE("without the header nothing is had, and the errors are those of restore") {
  for (const Subject& subject : tamper_subjects()) {
    const std::size_t head = Tampered(subject.sealed).head.size();
    for (std::size_t at = 0; at < head; ++at) {
      INFO(subject.name << ", byte " << at);
      const Bytes edited = flipped(subject.sealed, at, std::byte{0x10});
      Bytes out;
      const errc kind =
          thrown_kind([&] { salvage(Source::memory(edited), Sink::memory(out), subject.options); });
      CHECK(kind != errc{});
      CHECK(kind == thrown_kind([&] { verify(Source::memory(edited), subject.options); }));
      CHECK(out.empty());
    }
  }
  const Damaged damaged("ChaCha20");
  const auto kind_with = [&](const std::function<void(RestoreOptions&)>& change) {
    RestoreOptions options = damaged.subject.options;
    change(options);
    Bytes out;
    return thrown_kind([&] { salvage(Source::memory(damaged.bytes), Sink::memory(out), options); });
  };
  CHECK(kind_with([](RestoreOptions&) {}) == errc{});
  CHECK(kind_with([](RestoreOptions& o) { o.identities = {SharedKey::generate()}; }) ==
        errc::wrong_key);
  CHECK(kind_with([](RestoreOptions& o) { o.registry = StageRegistry(); }) == errc::unknown_stage);
  CHECK(kind_with([](RestoreOptions& o) { o.max_plain_bytes = 12308; }) == errc::limit_exceeded);
  CHECK(kind_with([](RestoreOptions& o) { o.max_plain_bytes = 12309; }) == errc{});
  const Bytes& bytes = damaged.bytes;
  const Damaged plain("integrity 1");
  const auto salvage_plain = [&](bool allow_unencrypted) {
    return thrown_kind([&] {
      salvage(Source::memory(plain.bytes), Sink::discard(),
              {.identities = {SharedKey::generate()},
               .registry = plain.subject.options.registry,
               .allow_unencrypted = allow_unencrypted});
    });
  };
  CHECK(salvage_plain(false) == errc::wrong_key);
  CHECK(salvage_plain(true) == errc{});
  CHECK(thrown_kind([&] {
          salvage(Source(std::make_unique<HookedStream>(bytes, BeforeCall())), Sink::discard(),
                  damaged.subject.options);
        }) == errc::invalid_argument);
}

TEST_CASE("every kind of sink gets zeros where something was lost") {
  const TempDir dir;
  for (const char* name : {"integrity 1", "AES-256-GCM", "ChaCha20"})
    for (const std::size_t chunk : {0u, 1u, 3u}) {
      INFO(name << ", chunk " << chunk);
      const Damaged damaged(name, chunk);
      const auto salvage_to = [&](Sink sink) {
        const SalvageReport report =
            salvage(Source::memory(damaged.bytes), std::move(sink), damaged.subject.options);
        CHECK(report.lost.size() == 1);
        CHECK(report.lost.front().chunks == 1);
        CHECK(report.lost.front().reason == "no intact record of it was found");
        CHECK(report.output_bytes == damaged.expected.size());
      };
      for (const SinkKind& kind : sink_kinds()) {
        INFO(kind.name);
        CHECK(kind.collect(dir.path(), salvage_to) == damaged.expected);
      }
      Bytes gapless;
      salvage_to(Sink(std::make_unique<GaplessSink>(gapless)));
      CHECK(gapless == damaged.expected);
    }
}

TEST_CASE("a chunk that a stage cannot undo is lost, and the reason is told") {
  const auto fragile = [](const std::function<void()>& fail) {
    return make_stage("test.fragile", [fail](const ChunkInfo& chunk, auto in, auto& out) {
      if (chunk.index == 1) fail();
      return xor_bytes(in, out, std::byte{0x11});
    });
  };
  const Bytes plain = random_bytes(3 * 4096, 1);
  Bytes sealed;
  Pipeline::Builder()
      .add(fragile([] {}))
      .chunk_size(ChunkSize::from_bytes(4096))
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
  Bytes back;
  const SalvageReport report =
      salvage(Source::memory(sealed), Sink::memory(back),
              {.registry = registry_of({fragile([] { throw std::runtime_error("it broke"); })})});
  REQUIRE(report.lost.size() == 1);
  CHECK(same_place(report.lost[0], {.offset_bytes = 4096, .length_bytes = 4096, .first_chunk = 1}));
  CHECK_THAT(report.lost[0].reason, Catch::Matchers::Contains("it broke"));
  Bytes expected = plain;
  std::fill_n(expected.begin() + 4096, 4096, std::byte{});
  CHECK(back == expected);

  // The chunk is not to blame for this, and may come back next time.
  CHECK(thrown_kind([&] {
          salvage(Source::memory(sealed), Sink::discard(),
                  {.registry = registry_of({fragile([] { throw std::bad_alloc(); })})});
        }) == errc::resource_exhausted);
  CHECK(thrown_kind([&] {
          const auto stop = [] { throw Error(errc::cancelled, "the host ends"); };
          salvage(Source::memory(sealed), Sink::discard(),
                  {.registry = registry_of({fragile(stop)})});
        }) == errc::cancelled);

  const auto broken = make_stage("test.fragile", [](const ChunkInfo&, auto, auto&) -> Outcome {
    throw std::runtime_error("it broke");
  });
  CHECK(thrown_kind([&] {
          salvage(Source::memory(sealed), Sink::memory(back), {.registry = registry_of({broken})});
        }) == errc::corrupt);
  CHECK(back.empty());
}

TEST_CASE("neighbours that are lost are one range if the reason is the same, else two") {
  // A letter is the reason of its chunk; one with a dash has no record any more.
  const std::string why = ".AA--B.CCC";
  const auto fragile = [](const std::string& reasons) {
    return make_stage("test.fragile", [reasons](const ChunkInfo& chunk, auto in, auto& out) {
      const char reason = reasons[chunk.index];
      if (reason == 'C')
        throw Error(errc::stage_failed, "reason C")
            .caused_by(std::make_error_code(std::errc::no_such_device));
      if (reason != '.') throw std::runtime_error(std::string("reason ") + reason);
      return xor_bytes(in, out, std::byte{0x11});
    });
  };
  const Bytes plain = random_bytes(why.size() * 4096, 1);
  Bytes sealed;
  Pipeline::Builder()
      .add(fragile(std::string(why.size(), '.')))
      .chunk_size(ChunkSize::from_bytes(4096))
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
  for (const std::size_t chunk : {3u, 4u})
    sealed = flipped(sealed, Tampered(sealed).offset_of(chunk) + 30, std::byte{1});
  Bytes back;
  const SalvageReport report = salvage(Source::memory(sealed), Sink::memory(back),
                                       {.registry = registry_of({fragile(why)})});
  CHECK(back.size() == plain.size());
  CHECK(report.output_bytes == plain.size());

  const struct {
    std::uint64_t first_chunk, chunks;
    std::string reason;
  } expected[] = {{1, 2, "reason A"},
                  {3, 2, "no intact record"},
                  {5, 1, "reason B"},
                  {7, 3, "reason C, in stage test.fragile: No such device"}};
  REQUIRE(report.lost.size() == std::size(expected));
  for (std::size_t i = 0; i < report.lost.size(); ++i) {
    INFO("range " << i);
    CHECK(report.lost[i].first_chunk == expected[i].first_chunk);
    CHECK(report.lost[i].chunks == expected[i].chunks);
    CHECK(report.lost[i].offset_bytes == 4096 * expected[i].first_chunk);
    CHECK(report.lost[i].length_bytes == 4096 * expected[i].chunks);
    CHECK_THAT(report.lost[i].reason, Catch::Matchers::Contains(expected[i].reason));
  }
}

TEST_CASE("a file appears with what was recovered, and not at all if that is nothing") {
  const TempDir dir;
  const Damaged damaged("AES-256-GCM");
  write_file(dir / "sealed", damaged.bytes);
  salvage(dir / "sealed", dir / "out", damaged.subject.options);
  CHECK(read_file(dir / "out") == damaged.expected);
  CHECK(thrown_kind([&] { salvage(dir / "sealed", dir / "out", damaged.subject.options); }) ==
        errc::already_exists);

  write_file(dir / "sealed",
             cut(damaged.subject.sealed, Tampered(damaged.subject.sealed).head.size() + 40));
  const Error error =
      thrown_by([&] { salvage(dir / "sealed", dir / "none", damaged.subject.options); });
  CHECK(error.kind() == errc::corrupt);
  CHECK(error.path() == (dir / "sealed").string());
  const std::filesystem::directory_iterator entries(dir.path());
  CHECK(std::distance(begin(entries), end(entries)) == 2);
}

}  // namespace adapipe
