#include "graph/restore_parts.hpp"

#include <adapipe/chunk.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <utility>

#include "container/create.hpp"
#include "container/fixture.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

struct MadeContainer {
  Bytes bytes;
  std::size_t head_bytes = 0;  // the first record follows
};

/// With `chunks` that are all alike.
MadeContainer make_container(const Header& container, std::uint64_t chunks, const Bytes& plain) {
  FixedRandom random;
  const NewContainer made = create_container(container, std::nullopt, {}, random);
  RecordProtector protector(made.keys);
  Index index;
  Bytes all = made.head;
  Bytes record(layout::kRecordHeaderBytes + plain.size() + protector.overhead_bytes());
  for (std::uint64_t chunk = 0; chunk < chunks; ++chunk) {
    RecordHeader header{.plain_bytes = static_cast<std::uint32_t>(plain.size()), .sequence = chunk};
    protector.seal(header, plain, record.data());
    all.insert(all.end(), record.begin(), record.end());
    index.add({.stored_bytes = header.stored_bytes, .plain_bytes = header.plain_bytes});
  }
  const Bytes tail = seal_tail(index, all.size(), made.keys);
  all.insert(all.end(), tail.begin(), tail.end());
  return {.bytes = std::move(all), .head_bytes = made.head.size()};
}

/// With chunks of one byte.
Bytes container_of(std::uint64_t chunks) {
  return make_container(Header{.chunk_bytes = 4096}, chunks, Bytes(1)).bytes;
}

struct ReadOutcome {
  errc kind;
  std::uint64_t chunks;
};

/// Chunks without end behind the head of a container: of the largest size, if one believes them.
class EndlessSource final : public SourceImpl {
 public:
  explicit EndlessSource(Bytes head) : given_(std::move(head)) {}

  std::size_t read(std::span<std::byte> to) override {
    if (position_ == given_.size()) next_record();
    const std::size_t count = std::min(to.size(), given_.size() - position_);
    std::copy_n(given_.data() + position_, count, to.data());
    position_ += count;
    return count;
  }

 private:
  void next_record() {
    constexpr std::size_t kPayloadBytes = layout::kCheckBytes + 1;
    const RecordHeaderBytes header = encode_record_header({.plain_bytes = ChunkSize::kMaxBytes,
                                                           .stored_bytes = kPayloadBytes,
                                                           .sequence = sequence_++});
    given_.resize(header.size() + kPayloadBytes);
    std::ranges::copy(header, given_.begin());
    position_ = 0;
  }

  Bytes given_;
  std::size_t position_ = 0;
  std::uint64_t sequence_ = 0;
};

/// Reads all of a container as a stream that may take `budget` bytes for what is not chunks.
ReadOutcome read_with(std::size_t budget, SourceImpl& source) {
  const ListOf<Identity> none;
  OpenedContainer opened =
      open_container(read_full_from(source), {.identities = none, .context = {}});
  StageChain chain(Direction::backward, {}, opened.keys, opened.header);
  FifoGate gate(budget);
  MemoryAccount memory(gate);
  StreamRecordReader reader(source, std::move(chain), std::move(opened), UINT64_MAX, memory, {});
  ChunkSlot slot;
  std::uint64_t chunks = 0;
  const errc kind = thrown_kind([&] {
    for (slot.restart(0); reader.next(slot); slot.restart(++chunks)) {
    }
    reader.finish();
  });
  return {.kind = kind, .chunks = chunks};
}

ReadOutcome read_with(std::size_t budget, const Bytes& container) {
  BytesSource source(container);
  return read_with(budget, static_cast<SourceImpl&>(source));
}

}  // namespace

TEST_CASE("what a stream's reader keeps of every chunk, and the index, is taken of the budget") {
  constexpr std::uint64_t kFreeChunks = MemoryAccount::kFreeBytes / (2 * sizeof(IndexEntry));
  const Bytes many = container_of(kFreeChunks + 1);
  const ReadOutcome refused = read_with(0, many);
  CHECK(refused.kind == errc::resource_exhausted);
  CHECK(refused.chunks == kFreeChunks);
  CHECK(read_with(1 << 20, many).kind == errc{});

  // The entries fit, but the index, and what is made of it, does not fit besides.
  const Bytes fewer = container_of(kFreeChunks / 2 + 1);
  const ReadOutcome at_end = read_with(0, fewer);
  CHECK(at_end.kind == errc::resource_exhausted);
  CHECK(at_end.chunks == kFreeChunks / 2 + 1);
  CHECK(read_with(1 << 20, fewer).kind == errc{});
  CHECK(read_with(0, container_of(kFreeChunks / 2 - 10)).kind == errc{});
}

TEST_CASE("a chunk of more than the header's length leaves is refused before it is read") {
  // Slots are reserved for chunks of that length at most.
  constexpr std::size_t kRecordBytes = layout::kRecordHeaderBytes + 100 + layout::kCheckBytes;
  const struct {
    std::uint64_t plain_bytes;
    std::uint64_t fitting_chunks;
  } cases[] = {{0, 0}, {99, 0}, {100, 1}, {199, 1}};
  for (const auto& [plain_bytes, fitting_chunks] : cases) {
    INFO(plain_bytes << " bytes in the header");
    const auto [bytes, head_bytes] =
        make_container({.chunk_bytes = 4096, .plain_bytes = plain_bytes}, 2, Bytes(100));
    const std::size_t behind_record_header =
        head_bytes + fitting_chunks * kRecordBytes + layout::kRecordHeaderBytes;
    for (const std::size_t size : {behind_record_header, bytes.size()}) {
      INFO("of which there are " << size);
      const ReadOutcome outcome = read_with(
          1 << 20, Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
      CHECK(outcome.kind == errc::corrupt);
      CHECK(outcome.chunks == fitting_chunks);
    }
  }
}

#ifndef ADAPIPE_TEST_ADDRESS_SANITIZER  // with it, 16 million chunks take a minute
TEST_CASE("a stream of more plain bytes than a container holds is corrupt") {
  FixedRandom random;
  const Header container{.chunk_bytes = ChunkSize::kMaxBytes};
  EndlessSource source(create_container(container, std::nullopt, {}, random).head);
  const ReadOutcome outcome = read_with(std::size_t{1} << 30, source);
  CHECK(outcome.kind == errc::corrupt);
  CHECK(outcome.chunks == layout::kMaxTotalBytes / ChunkSize::kMaxBytes);
}
#endif

}  // namespace adapipe
