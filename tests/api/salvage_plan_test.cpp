#include "api/salvage_plan.hpp"

#include <string>

#include "support/catch.hpp"

namespace adapipe {

namespace {

constexpr std::uint32_t kChunk = 4096;

FoundChunk found(std::uint64_t sequence, std::uint32_t plain_bytes = kChunk) {
  return {.sequence = sequence,
          .record_offset = 1000 - sequence,
          .plain_bytes = plain_bytes,
          .stored_bytes = plain_bytes + 16};
}

Index index_of(const std::vector<std::uint32_t>& sizes) {
  Index index;
  for (const std::uint32_t size : sizes)
    index.add({.stored_bytes = size + 16, .plain_bytes = size});
  return index;
}

Header container(std::optional<std::uint64_t> plain_bytes = {}) {
  Header header;
  header.chunk_bytes = kChunk;
  header.plain_bytes = plain_bytes;
  return header;
}

/// "0@0 2@8192"
std::string places(const SalvagePlan& plan) {
  std::string text;
  for (const FoundChunk& chunk : plan.chunks)
    text += (text.empty() ? "" : " ") + std::to_string(chunk.sequence) + "@" +
            std::to_string(chunk.plain_offset);
  return text;
}

}  // namespace

TEST_CASE("an intact index places every chunk that it lists so") {
  const Index index = index_of({10, 20, 30, 40});
  const SalvagePlan plan = plan_by_index({found(3, 40), found(1, 20)}, index);
  CHECK(places(plan) == "1@10 3@60");
  CHECK(plan.plain_bytes == 100);
  CHECK(plan.all_chunks == 4);
  CHECK_FALSE(plan.assumed_from);
  CHECK_FALSE(plan.gave_up);

  CHECK(places(plan_by_index({}, index)).empty());
  CHECK(places(plan_by_index({found(1, 21), found(2, 30)}, index)) == "2@30");
  FoundChunk other_stored_bytes = found(1, 20);
  ++other_stored_bytes.stored_bytes;
  CHECK(places(plan_by_index({other_stored_bytes}, index)).empty());
  FoundChunk other_plain_bytes = found(1, 20);
  --other_plain_bytes.plain_bytes;
  CHECK(places(plan_by_index({other_plain_bytes}, index)).empty());
  CHECK(places(plan_by_index({found(0, 10), found(4), found(UINT64_MAX)}, index)) == "0@0");
  CHECK(places(plan_by_index({found(0, 10), found(0, 10), found(1, 20)}, index)) == "0@0 1@10");
}

TEST_CASE("without an index, chunks follow each other, and missing ones had the chunk size") {
  const struct {
    const char* what;
    std::vector<FoundChunk> found;
    std::optional<std::uint64_t> plain_bytes;
    std::string expected;
    std::optional<std::uint64_t> assumed_from{};
    bool gave_up = false;
  } cases[] = {
      {"none", {}, {}, ""},
      {"all", {found(0), found(1), found(2, 5)}, {}, "0@0 1@4096 2@8192"},
      {"out of order, and twice",
       {found(2), found(0), found(1), found(0)},
       {},
       "0@0 1@4096 2@8192"},
      {"short ones", {found(0, 1), found(1, 2), found(2, 3)}, {}, "0@0 1@1 2@3"},
      {"the first missing", {found(1), found(2)}, {}, "1@4096 2@8192", 4096},
      {"two gaps", {found(0), found(3), found(5, 7)}, {}, "0@0 3@12288 5@20480", 12288},
      {"a gap behind a short one", {found(0, 5), found(2)}, {}, "0@0 2@4101", 4101},
      {"up to the end", {found(0), found(2, 5)}, 8197, "0@0 2@8192", 8192},
      {"beyond the end", {found(0), found(2, 5)}, 8196, "0@0", {}, true},
      {"beyond the end without a gap", {found(0), found(1)}, 8191, "0@0", {}, true},
      {"a number beyond any place", {found(0), found(UINT64_MAX)}, {}, "0@0", {}, true},
      {"the largest place there is",
       {found((std::uint64_t{1} << 40) - 1)},
       {},
       "1099511627775@4503599627366400",
       4503599627366400},
      {"one more", {found(std::uint64_t{1} << 40)}, {}, "", {}, true},
  };
  for (const auto& [what, chunks, plain_bytes, expected, assumed_from, gave_up] : cases) {
    INFO(what);
    const SalvagePlan plan = plan_without_index(chunks, container(plain_bytes));
    CHECK(places(plan) == expected);
    CHECK(plan.plain_bytes == plain_bytes);
    CHECK(plan.assumed_from == assumed_from);
    CHECK(plan.gave_up == gave_up);
    CHECK_FALSE(plan.all_chunks);
  }
}

}  // namespace adapipe
