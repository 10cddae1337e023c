#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <memory>
#include <string>

#include "container/create.hpp"
#include "container/record.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/fixed_random.hpp"
#include "support/tamper.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::uint32_t kChunk = 1024 * 1024;
constexpr char kSays[] = "larger than its stages can have made";

/// Three chunks of one byte. But for the first, their records are longer than any stage can have
/// made them: as long as the format lets them be, if not said otherwise.
Bytes container_with_oversized_record(std::size_t other_bytes = 2 * kChunk) {
  Header header;
  header.chunk_bytes = kChunk;
  FixedRandom random;
  const NewContainer made = create_container(header, std::nullopt, {}, random, {});
  Bytes out = made.head;
  RecordProtector protector(made.keys);
  Index index;
  for (const std::size_t data_bytes : {std::size_t{1}, other_bytes, other_bytes}) {
    RecordHeader record{.plain_bytes = 1, .sequence = index.chunks()};
    const std::size_t at = out.size();
    out.resize(at + layout::kRecordHeaderBytes + data_bytes + protector.overhead_bytes());
    protector.seal(record, Bytes(data_bytes, std::byte{'x'}), out.data() + at);
    index.add({.stored_bytes = record.stored_bytes, .plain_bytes = record.plain_bytes});
  }
  const auto tail = seal_tail(index, out.size(), made.keys);
  out.insert(out.end(), tail.begin(), tail.end());
  return out;
}

}  // namespace

TEST_CASE("a record larger than its stages can have made is refused before memory is taken") {
  const Bytes sealed = container_with_oversized_record();
  const auto hold = [](const char* way, const Error& error) {
    INFO(way << ": " << error.what());
    CHECK(error.kind() == errc::corrupt);
    CHECK(std::string(error.what()).find(kSays) != std::string::npos);
  };
  hold("restore", thrown_by([&] { restore(Source::memory(sealed), Sink::discard()); }));
  hold("a stream", thrown_by([&] {
         restore(Source(std::make_unique<HookedStream>(sealed, BeforeCall())), Sink::discard());
       }));
  hold("Reader", thrown_by([&] {
         const auto reader = Reader::open(Source::memory(sealed));
         Bytes to(2);
         (void)reader.read_at(0, to);
       }));
}

TEST_CASE("salvaging loses a record larger than its stages can have made, and says so") {
  const struct {
    std::size_t bytes;
    const char* reason;
  } cases[] = {{kChunk, kSays},  // as another chunk could be
               {kChunk + 1, "no intact record"},
               {2 * kChunk, "no intact record"}};
  for (const auto& [bytes, reason] : cases) {
    INFO(bytes << " bytes");
    const Bytes sealed = container_with_oversized_record(bytes);
    Bytes back;
    const SalvageReport report = salvage(Source::memory(sealed), Sink::memory(back));
    CHECK(back == from_text(std::string_view("x\0\0", 3)));
    REQUIRE(report.lost.size() == 1);
    CHECK(report.lost[0].length_bytes == 2);
    CHECK(report.lost[0].chunks == 2);
    CHECK(report.lost[0].reason.find(reason) != std::string::npos);
  }
}

TEST_CASE("a false chunk takes no more memory than a true one could") {
  const SharedKey key = SharedKey::generate();
  constexpr std::uint32_t kMost = kChunk + 16;
  for (const bool known_size : {false, true})
    for (const std::uint32_t claimed : {kMost, kMost + 1, 2 * kChunk + 65'536}) {
      INFO("a claim of " << claimed << ", length in the header: " << known_size);
      // Where the header says so, chunks are no longer than all there is.
      const std::uint32_t chunk_bytes = known_size ? 4 * kChunk : kChunk;
      const Bytes plain = random_bytes(known_size ? kChunk : 4 * kChunk, 1);
      Bytes sealed;
      Pipeline::Builder()
          .add(aes_256_gcm({.recipients = {key}}))
          .chunk_size(ChunkSize::from_bytes(chunk_bytes))
          .build()
          .process(known_size ? Source::memory(plain)
                              : Source(std::make_unique<HookedStream>(plain, BeforeCall())),
                   Sink::memory(sealed));
      const RecordHeaderBytes claim =
          encode_record_header({.plain_bytes = 1, .stored_bytes = claimed, .sequence = 9});
      // Before the first record, and what is claimed is there.
      const auto head = static_cast<std::ptrdiff_t>(Tampered(sealed).head.size());
      sealed.insert(sealed.begin() + head, claim.begin(), claim.end());
      sealed.resize(sealed.size() + 2 * kMost);
      const SalvageReport report =
          salvage(Source::memory(sealed), Sink::discard(),
                  {.identities = {key},
                   .runtime = Runtime({.worker_threads = 1, .memory_bytes = kChunk + 128 * 1024})});
      CHECK(report.recovered_bytes == plain.size());
      CHECK(report.is_complete());
    }
}

TEST_CASE("a false index keeps nobody from the rest, whatever it claims") {
  constexpr std::uint32_t kMiB = 1024 * 1024;
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(4 * kMiB, 1);
  Bytes sealed;
  Pipeline::Builder()
      .add(aes_256_gcm({.recipients = {key}}))
      .chunk_size(ChunkSize::from_bytes(4096))
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
  constexpr std::uint32_t kAllThereIs = kMiB + 256 * 1024;  // with what is not counted
  for (const std::uint32_t claimed : {3 * kMiB, kAllThereIs - 1000, kMiB / 2}) {
    INFO(claimed << " bytes");
    const RecordHeaderBytes claim = encode_record_header({.type = RecordType::index,
                                                          .plain_bytes = claimed - 16,
                                                          .stored_bytes = claimed,
                                                          .sequence = (claimed - 32) / 8});
    Bytes edited = sealed;
    std::ranges::copy(claim, edited.begin() + 20'000);  // within a chunk
    const auto salvaged = [&] {
      return salvage(
          Source::memory(edited), Sink::discard(),
          {.identities = {key},
           .runtime = Runtime({.worker_threads = 1, .memory_bytes = std::size_t{kMiB}})});
    };
    const SalvageReport report = salvaged();
    CHECK(report.chunks == 1023);
    CHECK(report.lost.size() == 1);

    // Without the true one, it is not known that one is false that cannot be opened.
    edited[edited.size() - 24 - 20] ^= std::byte{1};
    CHECK(thrown_kind(salvaged) == (claimed > kAllThereIs ? errc::resource_exhausted : errc{}));
  }
}

}  // namespace adapipe
