#include "api/zstd_access.hpp"

#include <adapipe/chunk.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "codec/zstd.hpp"
#include "codec/zstd_frame.hpp"
#include "container/zstd_frames.hpp"
#include "graph/zstd_parts.hpp"

namespace adapipe::inline v0_1 {
namespace {

/// A larger frame cannot be a chunk.
constexpr std::uint64_t kMostAtRandom = ChunkSize::kMaxBytes;
/// A larger one is restored piece by piece: few of them would fit into memory at once.
constexpr std::uint64_t kMostInParallel = std::uint64_t{64} << 20;

ContainerInfo describe(const ZstdFrames& found, std::uint64_t container_bytes) {
  ContainerInfo info{
      .stages = {{.id = kZstdId}}, .container_bytes = container_bytes, .is_zstd_file = true};
  if (!found.independent()) return info;
  info.chunks = found.frames.size();
  info.plain_bytes = found.plain_bytes;
  for (const ZstdFrame& frame : found.frames)
    info.chunk_bytes = std::max(info.chunk_bytes, frame.plain_bytes);
  return info;
}

}  // namespace

bool is_zstd_file(PositionalSourceImpl& source, const std::stop_token& stop) {
  std::array<std::byte, kZstdMagicBytes> front;
  const std::size_t bytes = read_full_from(source, stop)(front);
  return starts_as_zstd(ByteSpan(front).first(bytes));
}

IndexedInput open_indexed_zstd(PositionalSourceImpl& source, const AccessOptions& options,
                               const ReserveMemory& reserve) {
  ZstdFrames found = find_zstd_frames(
      source, {.max_frame_plain_bytes = kMostAtRandom, .reserve = reserve, .stop = options.stop});
  if (!found.independent())
    throw Error(errc::invalid_argument,
                "random access needs a zstd file of frames that say their sizes, of at most "
                "256 MiB, such as `adapipe process --container zstd` makes; here, " +
                    found.obstacle);
  ContainerInfo info = describe(found, source.total_bytes());
  return {std::make_unique<ZstdFrameReader>(source, std::move(found), options.read_stop),
          std::move(info)};
}

std::unique_ptr<StoredReader> open_zstd_to_restore(PositionalSourceImpl& source,
                                                   const AccessOptions& options,
                                                   std::uint64_t max_plain_bytes,
                                                   MemoryAccount& memory) {
  // So that one frame, in and out, takes half of the budget at most.
  const std::uint64_t most = std::min<std::uint64_t>(kMostInParallel, memory.budget_bytes() / 4);
  ZstdFrames found =
      find_zstd_frames(source, {.max_frame_plain_bytes = most,
                                .reserve = [&memory](std::size_t bytes) { memory.charge(bytes); },
                                .stop = options.stop});
  if (found.independent())
    return std::make_unique<ZstdFrameReader>(source, std::move(found), options.read_stop);
  return std::make_unique<ZstdStreamReader>(source, ByteSpan(), max_plain_bytes, memory,
                                            options.read_stop);
}

ContainerInfo describe_zstd(PositionalSourceImpl& source, const ReserveMemory& reserve) {
  return describe(
      find_zstd_frames(source, {.max_frame_plain_bytes = kMostAtRandom, .reserve = reserve}),
      source.total_bytes());
}

}  // namespace adapipe::inline v0_1
