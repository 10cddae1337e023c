#include "api/salvage_plan.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "container/layout.hpp"

namespace adapipe::inline v0_1 {

void put_in_order(std::vector<FoundChunk>& found) {
  std::ranges::sort(found, {}, [](const FoundChunk& chunk) {
    return std::tuple(chunk.sequence, chunk.record_offset);
  });
  const auto is_copy = [](const FoundChunk& one, const FoundChunk& other) {
    return one.sequence == other.sequence;
  };
  found.erase(std::unique(found.begin(), found.end(), is_copy), found.end());
}

SalvagePlan plan_by_index(std::vector<FoundChunk> found, const Index& index) {
  put_in_order(found);
  std::uint64_t offset = 0;
  auto next = found.begin();
  auto kept = found.begin();
  for (std::uint64_t sequence = 0; sequence < index.chunks(); ++sequence) {
    const IndexEntry& entry = index[sequence];
    if (next != found.end() && next->sequence == sequence) {
      next->plain_offset = offset;
      if (next->plain_bytes == entry.plain_bytes && next->stored_bytes == entry.stored_bytes)
        *kept++ = *next;
      ++next;
    }
    offset += entry.plain_bytes;
  }
  found.erase(kept, found.end());
  return {
      .chunks = std::move(found), .plain_bytes = index.plain_total(), .all_chunks = index.chunks()};
}

SalvagePlan plan_without_index(std::vector<FoundChunk> found, const Header& container) {
  put_in_order(found);
  SalvagePlan plan{.plain_bytes = container.plain_bytes};
  const std::uint64_t most = container.plain_bytes.value_or(layout::kMaxTotalBytes);
  std::uint64_t offset = 0;
  std::uint64_t sequence = 0;
  auto chunk = found.begin();
  for (; chunk != found.end(); ++chunk) {
    const std::uint64_t missing = chunk->sequence - sequence;
    const std::uint64_t room = most - offset;
    // Divided, because the number may be anything that its writer liked.
    if (chunk->plain_bytes > room || missing > (room - chunk->plain_bytes) / container.chunk_bytes)
      break;
    offset += missing * container.chunk_bytes;
    if (missing > 0 && !plan.assumed_from) plan.assumed_from = offset;
    chunk->plain_offset = offset;
    offset += chunk->plain_bytes;
    sequence = chunk->sequence + 1;
  }
  plan.gave_up = chunk != found.end();
  found.erase(chunk, found.end());
  plan.chunks = std::move(found);
  return plan;
}

}  // namespace adapipe::inline v0_1
