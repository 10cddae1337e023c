#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace adapipe::inline v0_1 {

/// Source::memory() and, with something to keep alive, Source::owned().
std::unique_ptr<SourceImpl> open_memory_source(std::span<const std::byte> bytes,
                                               std::shared_ptr<const void> keep_alive = nullptr);

/// Sink::memory(). Throws Error(resource_exhausted) when the hinted size cannot be reserved.
std::unique_ptr<SinkImpl> open_memory_sink(std::vector<std::byte>& bytes, const SinkHints& hints);

/// Sink::discard().
std::unique_ptr<SinkImpl> open_discard_sink();

}  // namespace adapipe::inline v0_1
