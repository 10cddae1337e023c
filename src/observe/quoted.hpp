#pragma once

#include <string>
#include <string_view>

namespace adapipe::inline v0_1 {

/// A host's name in quotes, for JSON as for a label of Prometheus: both want UTF-8, and names may
/// be any bytes. What is not printable ASCII, and '%', becomes %XX; different names stay different.
std::string quoted(std::string_view name);

}  // namespace adapipe::inline v0_1
