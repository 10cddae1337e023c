#pragma once

#include <adapipe/stage.hpp>
#include <memory>

namespace adapipe::inline v0_1 {

/// The stage that makes of every chunk a zstd frame of its own (zstd_frame_codec), with the options
/// of `stage`. nullptr unless that is one of zstd().
std::shared_ptr<const Stage> zstd_frames(const Stage& stage);

}  // namespace adapipe::inline v0_1
