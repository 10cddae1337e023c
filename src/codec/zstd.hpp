#pragma once

#include <adapipe/backend.hpp>
#include <adapipe/stages.hpp>
#include <memory>

namespace adapipe::inline v0_1 {

inline constexpr char kZstdId[] = "adapipe.zstd";

/// Zstandard by libzstd. Throws Error(invalid_argument) for options out of range.
std::shared_ptr<const CodecBackend> zstd_codec(const ZstdOptions& options);

}  // namespace adapipe::inline v0_1
