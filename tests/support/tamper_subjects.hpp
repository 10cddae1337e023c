#pragma once

#include <adapipe/adapipe.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "support/bytes.hpp"

namespace adapipe::testing {

/// A sound container, what it holds and what it takes to read it.
struct Subject {
  std::string name;
  std::size_t chunk_bytes = 0;
  Bytes plain{};
  Bytes sealed{};
  Bytes sibling{};  ///< made of the same plain bytes by the same pipeline, for the same key
  Bytes cousin{};   ///< the same of other plain bytes, of which there are as many
  bool encrypted = false;
  RestoreOptions options{};
};

/// Containers of a few hundred bytes, so that every edit can be tried: both kinds of integrity and
/// each cipher; four chunks, one and none; skip bits; plain_bytes in the header or not; with and
/// without metadata and a context. All for the same key.
const std::vector<Subject>& tamper_subjects();

}  // namespace adapipe::testing
