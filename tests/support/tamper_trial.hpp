#pragma once

#include <adapipe/error.hpp>
#include <adapipe/runtime.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/tamper_subjects.hpp"

namespace adapipe::testing {

/// What reading an edited container has to lead to.
struct Expected {
  errc from_front{};  ///< of a reader that reads from front to back
  errc by_index{};    ///< of one with random access
  /// The first record that the reader from front to back finds wrong; empty: it cannot tell, or
  /// it is the index.
  std::optional<std::uint64_t> chunk{};
  /// Even inspect() refuses the header.
  bool head_fails = false;
  /// A record claims another length, so that a reader from front to back may come to the end of
  /// the input first (`truncated`).
  bool may_run_dry = false;
};

/// One edit of a container, and what it has to lead to.
struct Edit {
  std::string what;
  Bytes bytes;
  Expected expected;
};
using Edits = std::vector<Edit>;

/// Reads each edited container in every way there is: restore and verify, from front to back and by
/// its index, into a stream and into a sink written in any order; Reader, the whole and chunk by
/// chunk; inspect(). Fails the test for whatever is not as promised: another error than the
/// expected one or none, an error without its place, a wrong byte handed out, a sink committed, an
/// undamaged chunk that cannot be read.
void hold(const Subject& subject, const Edits& edits, const Runtime& runtime);

}  // namespace adapipe::testing
