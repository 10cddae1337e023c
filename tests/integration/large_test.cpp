#include <adapipe/adapipe.hpp>
#include <array>

#include "support/catch.hpp"
#include "support/sparse_store.hpp"
#include "support/watchdog.hpp"
#include "util/endian.hpp"

namespace adapipe {

using testing::SparseSink;
using testing::SparseSource;
using testing::SparseStore;

namespace {

constexpr std::uint64_t kBytes = (std::uint64_t{4} << 30) + (std::uint64_t{300} << 20) + 12'345;
constexpr std::uint64_t kMarkEvery = 1 << 20;

/// Zeros, with its own offset written every MiB.
void fill(SparseStore& store) {
  for (std::uint64_t offset = 0; offset < kBytes - 8; offset += kMarkEvery) {
    std::array<std::byte, 8> mark;
    store_le(mark.data(), offset + 1);
    store.write(offset, mark);
  }
  store.extend(kBytes);
}

}  // namespace

TEST_CASE("a stream beyond 4 GiB, stored as it is, comes back whole and at any offset") {
  const testing::Watchdog watchdog(std::chrono::seconds(240));
  SparseStore plain, container, restored;
  fill(plain);
  const auto pipeline = Pipeline::Builder().chunk_size(ChunkSize::from_mib(4)).build();
  const Report made = pipeline.process(Source(std::make_unique<SparseSource>(plain)),
                                       Sink(std::make_unique<SparseSink>(container)));
  CHECK(made.input_bytes == kBytes);
  CHECK(made.output_bytes == container.size());
  CHECK(container.size() > kBytes);

  const Report back = restore(Source(std::make_unique<SparseSource>(container)),
                              Sink(std::make_unique<SparseSink>(restored)));
  CHECK(back.output_bytes == kBytes);
  CHECK(restored == plain);

  const auto reader = Reader::open(Source(std::make_unique<SparseSource>(container)));
  CHECK(reader.size() == kBytes);
  for (const std::uint64_t offset : {std::uint64_t{4} << 30, (std::uint64_t{4} << 30) + kMarkEvery,
                                     kBytes / kMarkEvery * kMarkEvery}) {
    std::array<std::byte, 8> mark{};
    REQUIRE(reader.read_at(offset, mark) == mark.size());
    CHECK(load_le<std::uint64_t>(mark.data()) == offset + 1);
  }
}

}  // namespace adapipe
