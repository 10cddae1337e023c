#pragma once

#include <adapipe/source.hpp>
#include <cstdint>
#include <memory>
#include <stop_token>

#include "api/container_access.hpp"

namespace adapipe::inline v0_1 {

/// Whether the source is for zstd, by its first bytes.
bool is_zstd_file(PositionalSourceImpl& source, const std::stop_token& stop);

/// As open_indexed(), open_to_restore() and describe_unopened(), for a zstd file.
IndexedInput open_indexed_zstd(PositionalSourceImpl& source, const AccessOptions& options,
                               const ReserveMemory& reserve);
std::unique_ptr<StoredReader> open_zstd_to_restore(PositionalSourceImpl& source,
                                                   const AccessOptions& options,
                                                   std::uint64_t max_plain_bytes,
                                                   MemoryAccount& memory);
ContainerInfo describe_zstd(PositionalSourceImpl& source, const ReserveMemory& reserve);

}  // namespace adapipe::inline v0_1
