#pragma once

#include <adapipe/stage.hpp>
#include <memory>

#include "util/backlog.hpp"

namespace adapipe::inline v0_1 {

/// What one operation runs in place of `stage`, with the levels that its `backlog` asks for, which
/// must outlive it. nullptr unless that is one of zstd() with a level that is adaptive.
std::shared_ptr<const Stage> zstd_adapting(const Stage& stage, Backlog& backlog);

}  // namespace adapipe::inline v0_1
