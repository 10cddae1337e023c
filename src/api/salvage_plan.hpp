#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "container/header.hpp"
#include "container/index.hpp"

namespace adapipe::inline v0_1 {

/// A chunk whose record is intact.
struct FoundChunk {
  std::uint64_t sequence = 0;
  std::uint64_t record_offset = 0;
  std::uint64_t plain_offset = 0;  ///< once it was placed
  std::uint32_t plain_bytes = 0;
  std::uint32_t stored_bytes = 0;
};

/// Where the found chunks go.
struct SalvagePlan {
  std::vector<FoundChunk> chunks{};             ///< ascending, each once
  std::optional<std::uint64_t> plain_bytes{};   ///< in all, if known
  std::optional<std::uint64_t> all_chunks{};    ///< how many there were, if known
  std::optional<std::uint64_t> assumed_from{};  ///< SalvageReport::assumed_from_bytes
  bool gave_up = false;  ///< there are more, beyond the last one, whose place is not known

  std::uint64_t placed_end() const noexcept {
    return chunks.empty() ? 0 : chunks.back().plain_offset + chunks.back().plain_bytes;
  }
};

/// By number, each once: copies of a record are the same.
void put_in_order(std::vector<FoundChunk>& found);

/// Places chunks by the index, and leaves out those that it does not list so.
SalvagePlan plan_by_index(std::vector<FoundChunk> found, const Index& index);

/// Places chunks by the sizes of those before them. See salvage().
SalvagePlan plan_without_index(std::vector<FoundChunk> found, const Header& container);

}  // namespace adapipe::inline v0_1
