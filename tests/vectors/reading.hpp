#pragma once

#include <adapipe/error.hpp>
#include <string>

#include "support/bytes.hpp"
#include "support/thrown.hpp"

namespace adapipe::testing {

/// What came of reading a container, as the manifest says it: "ok" and the bytes, or the kind of
/// the error.
struct Reading {
  std::string result;
  Bytes plain{};
};

template <typename Read>
Reading reading_of(Read read) {
  Reading out;
  const errc kind = thrown_kind([&] { read(out.plain); });
  out.result = kind == errc{} ? "ok" : std::string(name_of(kind));
  return out;
}

}  // namespace adapipe::testing
