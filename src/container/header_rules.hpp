#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

#include "container/header.hpp"

namespace adapipe::inline v0_1 {

/// What the format asks of a header's values, the same for writers and readers. Each throws
/// Error(invalid_argument), or Error(limit_exceeded) for a size; a reader calls both corrupt.
void check_chunk_bytes(std::uint32_t chunk_bytes);
void check_stage_id(std::string_view id);
void check_plain_bytes(std::uint64_t plain_bytes);

void check_stage_count(std::size_t stages);
void check_slot_count(std::size_t slots);

/// What integrity asks for, and the counts.
void check_agreement(const Header& header);

/// Asked about every pair, one after the other. The keys must outlive it.
class MetadataRules {
 public:
  void check(std::string_view key, std::string_view value);

 private:
  std::set<std::string_view> keys_;
  std::size_t total_bytes_ = 0;
};

/// Whether version 1 gives this number to a cipher, or leaves it to hosts.
bool is_known_cipher(std::uint16_t id) noexcept;

}  // namespace adapipe::inline v0_1
