#pragma once

#include <adapipe/batch.hpp>
#include <adapipe/error.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "support/bytes.hpp"

namespace adapipe::testing {

/// Inputs of many sizes, and a place for what becomes of each.
struct Files {
  explicit Files(std::size_t count) : outputs(count) {
    for (std::size_t i = 0; i < count; ++i)
      inputs.push_back(compressible_bytes(i % 7 * 1000, static_cast<std::uint64_t>(i)));
  }
  explicit Files(std::vector<Bytes> given) : inputs(std::move(given)), outputs(inputs.size()) {}

  std::vector<BatchItem> items() {
    std::vector<BatchItem> items;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      items.push_back({Source::memory(inputs[i]), Sink::memory(outputs[i])});
    return items;
  }

  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;
};

/// Of each item's error; errc{} where there is none.
inline std::vector<errc> kinds(const std::vector<BatchResult>& results) {
  std::vector<errc> kinds;
  for (const BatchResult& result : results)
    kinds.push_back(result.error ? result.error->kind() : errc{});
  return kinds;
}

}  // namespace adapipe::testing
