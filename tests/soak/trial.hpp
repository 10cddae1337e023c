#pragma once

#include <adapipe/runtime.hpp>
#include <atomic>
#include <cstddef>
#include <stdexcept>

#include "soak/plan.hpp"

namespace adapipe::testing {

/// How a trial ended. Each is fine where the plan allows it.
enum class Ending : std::uint8_t {
  succeeded,
  failed,     ///< as planned
  cancelled,  ///< as planned
  destroyed,  ///< as planned; what it came to is not told
  refused,    ///< salvage: the budget was taken at that moment
};
inline constexpr std::size_t kEndings = 5;

struct TrialResult {
  Ending ending = Ending::succeeded;
  bool fault_fired = false;
};

/// What should not have been.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Does what is planned on `runtime` and compares it with what Runtime::serial() does. `phase`
/// tells whoever wonders how far it is. Throws Mismatch.
TrialResult run_trial(const Plan& plan, const Runtime& runtime, std::atomic<const char*>& phase);

}  // namespace adapipe::testing
