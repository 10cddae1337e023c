#pragma once

#include <adapipe/keys.hpp>
#include <adapipe/reader.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/source.hpp>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "container/open.hpp"
#include "graph/stored_reader.hpp"
#include "memory/memory_account.hpp"

namespace adapipe::inline v0_1 {

/// The stages that a container names, in forward order. Only after its header was authenticated:
/// factories are the host's code. Throws what StageRegistry::make throws, with the stage.
std::vector<std::shared_ptr<const Stage>> make_stages(const Header& header,
                                                      const StageRegistry& registry);

struct OpenSource {
  std::unique_ptr<SourceImpl> owner;
  PositionalSourceImpl* positional;
};

/// Throws Error(invalid_argument) if the source is not positional.
OpenSource open_positional(Source&& source);

/// Refuses an index for which more than `max_bytes` would be taken in all.
ReserveMemory at_most(std::uint64_t max_bytes);

/// What the caller says of a container or a zstd file: the options of RestoreOptions and
/// ReaderOptions of these names.
struct AccessOptions {
  const ListOf<Identity>& identities;
  ByteSpan context;
  const StageRegistry& registry;
  bool allow_unencrypted = false;
  std::stop_token stop{};       ///< ends opening
  std::stop_token read_stop{};  ///< ends what the reader does later
};

struct IndexedInput {
  std::unique_ptr<IndexedReader> reader;
  ContainerInfo info;
};

/// Opens a container or a zstd file to read it at any offset. `reserve` is asked for the memory of
/// its index. Throws Error(invalid_argument) for a zstd file that can only be read front to back.
IndexedInput open_indexed(PositionalSourceImpl& source, const AccessOptions& options,
                          const ReserveMemory& reserve);

/// Opens a container or a zstd file to read all of it, in parallel if its kind and that of the
/// source allow it. `memory` is for what grows, and outlives the reader. What does not say its
/// plain bytes is held to `max_plain_bytes` while it is read.
std::unique_ptr<StoredReader> open_to_restore(SourceImpl& source, const AccessOptions& options,
                                              std::uint64_t max_plain_bytes, MemoryAccount& memory);

/// What can be said without a key; see inspect().
ContainerInfo describe_unopened(PositionalSourceImpl& source, const ReserveMemory& reserve);

}  // namespace adapipe::inline v0_1
