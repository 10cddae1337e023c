#pragma once

#include <adapipe/backend.hpp>
#include <adapipe/stages.hpp>
#include <memory>

#include "util/backlog.hpp"

namespace adapipe::inline v0_1 {

inline constexpr char kZstdId[] = "adapipe.zstd";

/// Zstandard by libzstd. Throws Error(invalid_argument) for options out of range.
std::shared_ptr<const CodecBackend> zstd_codec(const ZstdOptions& options);

/// The same for one operation, whose `backlog` decides on the level of each chunk; it must outlive
/// what is returned. nullptr unless `codec` is one of zstd_codec() with a level that is adaptive.
std::shared_ptr<const CodecBackend> zstd_adapting_codec(const CodecBackend& codec,
                                                        Backlog& backlog);

/// The same for a file of frames: what does not shrink becomes a frame too, and each has a checksum
/// of its content. nullptr unless `codec` is one of zstd_codec().
std::shared_ptr<const CodecBackend> zstd_frame_codec(const CodecBackend& codec);

}  // namespace adapipe::inline v0_1
