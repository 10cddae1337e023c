#include "api/sequential_reads.hpp"

#include <vector>

#include "support/catch.hpp"

namespace adapipe {

namespace {

struct Read {
  std::uint64_t offset;
  std::size_t bytes;
  std::uint64_t in_a_row;
};

}  // namespace

TEST_CASE("reads that go on from each other are told from others") {
  struct Case {
    const char* name;
    std::vector<Read> reads;
  };
  const std::vector<Case> cases{
      {"from the start", {{0, 10, 1}, {10, 10, 2}, {20, 10, 3}, {30, 1, 4}}},
      {"from anywhere, of any size", {{77, 1, 1}, {78, 1000, 2}, {1078, 3, 3}}},
      {"back and forth", {{0, 10, 1}, {20, 10, 1}, {0, 10, 1}, {20, 10, 1}}},
      {"with gaps", {{0, 10, 1}, {11, 10, 1}, {22, 10, 1}, {33, 10, 1}}},
      {"two by turns", {{0, 10, 1}, {500, 10, 1}, {10, 10, 2}, {510, 10, 2}, {520, 10, 3}}},
      {"after a jump it starts again",
       {{0, 10, 1}, {10, 10, 2}, {20, 10, 3}, {90, 10, 1}, {100, 10, 2}}},
  };
  for (const Case& one : cases) {
    SequentialReads reads;
    for (const Read& read : one.reads) {
      INFO(one.name << " at " << read.offset);
      CHECK(reads.note(read.offset, read.bytes) == read.in_a_row);
    }
  }
}

TEST_CASE("as many readers as are kept are told apart, and the oldest of more is forgotten") {
  for (const std::size_t readers : {SequentialReads::kRuns, SequentialReads::kRuns + 1}) {
    SequentialReads reads;
    std::uint64_t last = 0;
    for (std::uint64_t turn = 0; turn < 3; ++turn)
      for (std::size_t reader = 0; reader < readers; ++reader)
        last = reads.note(reader * 1000 + turn * 10, 10);
    CHECK(last == (readers == SequentialReads::kRuns ? 3u : 1u));
  }
}

}  // namespace adapipe
