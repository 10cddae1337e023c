#pragma once

#include <string>

namespace adapipe::inline v0_1 {

/// First thing a thread of ours does: takes its name (the system keeps 15 bytes) and blocks all
/// signals, so that the host's handlers run on the host's threads.
void enter_own_thread(const std::string& name) noexcept;

}  // namespace adapipe::inline v0_1
