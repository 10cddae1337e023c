#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

/// What one stage did in an operation. Encryption and record checks are listed as a stage too.
struct StageReport {
  std::string name;  ///< the stage's id, or the cipher's name
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t chunks_unchanged = 0;                 ///< chunks it passed through
  std::chrono::nanoseconds time{};                    ///< summed over all threads
  std::optional<std::array<std::byte, 32>> digest{};  ///< of sha256()
};

/// What an operation did.
struct Report {
  std::uint64_t input_bytes = 0;   ///< bytes read from the source
  std::uint64_t output_bytes = 0;  ///< bytes given to the sink; verify: that would be
  std::uint64_t chunks = 0;
  std::chrono::nanoseconds wall{};           ///< from start to completion
  std::chrono::nanoseconds cpu{};            ///< time in stages, summed over all threads
  std::size_t peak_buffer_bytes = 0;         ///< budget the operation held
  std::size_t max_in_flight = 0;             ///< chunks it could hold at once
  std::optional<std::uint16_t> slot_type{};  ///< key slot that opened the container (FORMAT.md)
  std::vector<StageReport> stages{};         ///< in the order in which they ran
};

/// How far an operation is.
struct Progress {
  std::uint64_t bytes_done = 0;                ///< plain bytes finished
  std::optional<std::uint64_t> bytes_total{};  ///< plain bytes in all, if known
  std::uint64_t stored_bytes = 0;              ///< container bytes written or read
  std::chrono::nanoseconds elapsed{};
};

}  // namespace adapipe::inline v0_1
