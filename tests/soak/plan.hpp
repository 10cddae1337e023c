#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace adapipe::testing {

enum class Work : std::uint8_t { process, restore, verify, read, rekey, salvage };
inline constexpr std::size_t kWorks = 6;

enum class SourceType : std::uint8_t { memory, owned, file, slice, stream, pipe };
enum class SinkType : std::uint8_t { memory, file, old_file, stream, pipe };
enum class CipherKind : std::uint8_t { none, aes_256_gcm, chacha20_poly1305 };
enum class KeyKind : std::uint8_t { shared, x25519, provider };

/// Where a trial fails on purpose.
enum class FaultPlace : std::uint8_t { none, source, stage, sink, commit, provider, progress };
inline constexpr std::size_t kFaultPlaces = 7;

/// How a trial is stopped; destroying and cancel() need an Operation.
enum class StopWay : std::uint8_t { none, token, cancel, destroy };
inline constexpr std::size_t kStopWays = 4;

/// All that chance decides about one trial. The same for the same seed and number.
struct Plan {
  std::uint64_t seed = 0;
  std::uint64_t number = 0;
  Work work = Work::process;

  std::size_t plain_bytes = 0;
  bool compressible = false;
  std::size_t chunk_bytes = 0;
  int zstd_level = 0;  ///< 0: no codec
  bool own_stage = false;
  std::size_t stage_limit = 0;  ///< most threads in it; 0: any number
  CipherKind cipher = CipherKind::none;
  KeyKind key = KeyKind::shared;  ///< what opens the container
  std::size_t max_in_flight = 0;

  SourceType source = SourceType::memory;
  bool source_waits = false;  ///< says that it may wait
  bool short_reads = false;
  SinkType sink = SinkType::memory;
  bool sink_waits = false;

  bool damaged = false;  ///< salvage: a byte of the container is changed
  FaultPlace fault = FaultPlace::none;
  std::size_t fault_at = 0;     ///< the call that fails, from 0
  bool provider_waits = false;  ///< until it is stopped
  bool pipes_stall = false;  ///< what feeds them gives half and waits, what drains them takes none
  StopWay stop = StopWay::none;
  std::chrono::microseconds stop_after{};

  bool starts_operation() const noexcept { return work <= Work::verify; }
};

Plan make_plan(std::uint64_t seed, std::uint64_t number);

const char* name_of(Work work);
const char* name_of(FaultPlace place);
const char* name_of(StopWay way);

/// One line with everything that matters for finding out what went wrong.
std::string describe(const Plan& plan);

}  // namespace adapipe::testing
