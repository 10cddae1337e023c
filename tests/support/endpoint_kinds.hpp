#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "support/bytes.hpp"

namespace adapipe::testing {

/// A way to present bytes as a Source; `dir` is a scratch folder.
struct SourceKind {
  std::string name;
  bool is_positional;
  std::function<void(const Bytes&, const std::filesystem::path& dir,
                     const std::function<void(Source)>& use)>
      with;
};
const std::vector<SourceKind>& source_kinds();

/// A way to collect what a Sink takes.
struct SinkKind {
  std::string name;
  std::function<Bytes(const std::filesystem::path& dir, const std::function<void(Sink)>& use)>
      collect;
};
const std::vector<SinkKind>& sink_kinds();

/// Calls `go` for the last of the sizes from every kind of source to every kind of sink, and for
/// each of the others with every kind of either.
void for_each_route(
    std::span<const std::size_t> sizes,
    const std::function<void(const SourceKind& from, const SinkKind& to, std::size_t bytes)>& go);

}  // namespace adapipe::testing
