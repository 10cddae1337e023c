#pragma once

#include <adapipe/registry.hpp>
#include <adapipe/source.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "container/open.hpp"

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

/// Refuses an index for which more than `max_bytes` would be taken.
ReserveMemory at_most(std::uint64_t max_bytes);

}  // namespace adapipe::inline v0_1
