#pragma once

#include <adapipe/error.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace adapipe::inline v0_1 {

/// What a source says that it gave. Sources are the host's, and one that passes on the -1 of a
/// system call would have what was in memory taken for its bytes, and more than there was room for.
inline std::size_t checked_count(std::size_t got, std::size_t room) {
  if (got > room) throw Error(errc::io_error, "gave more bytes than it was asked for");
  return got;
}

inline std::size_t checked_read(SourceImpl& source, std::span<std::byte> to) {
  return checked_count(source.read(to), to.size());
}

inline std::size_t checked_read_at(PositionalSourceImpl& source, std::uint64_t offset_bytes,
                                   std::span<std::byte> to) {
  return checked_count(source.read_at(offset_bytes, to), to.size());
}

/// The same without waiting, unless `may_wait`: nullopt if nothing is there.
inline std::optional<std::size_t> checked_read_at(PositionalSourceImpl& source,
                                                  std::uint64_t offset_bytes,
                                                  std::span<std::byte> to, bool may_wait) {
  if (may_wait) return checked_read_at(source, offset_bytes, to);
  const std::optional<std::size_t> got = source.try_read_at(offset_bytes, to);
  if (got) checked_count(*got, to.size());
  return got;
}

}  // namespace adapipe::inline v0_1
