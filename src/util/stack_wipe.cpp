#include "util/stack_wipe.hpp"

#include <cstdint>

namespace adapipe::inline v0_1 {

/// Calls nothing: where functions of other libraries are bound at their first call, that saves the
/// registers, with what is left of a key in them, on the stack below.
[[gnu::noinline]] void StackWipe::overwrite() noexcept {
  volatile std::uint64_t frames[512];  // OpenSSL's frames take up to 2.5 of these 4 KiB
  for (volatile std::uint64_t& word : frames) word = 0;
}

}  // namespace adapipe::inline v0_1
