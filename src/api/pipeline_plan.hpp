#pragma once

#include <adapipe/chunk.hpp>
#include <adapipe/container.hpp>
#include <adapipe/runtime.hpp>
#include <adapipe/stage.hpp>
#include <adapipe/stages.hpp>
#include <memory>
#include <optional>
#include <vector>

namespace adapipe::inline v0_1 {

/// What Pipeline::Builder has checked. Immutable.
class PipelinePlan {
 public:
  std::vector<std::shared_ptr<const Stage>> stages{};
  std::optional<Cipher> cipher{};
  Container container = Container::adapipe;
  std::optional<ChunkSize> chunk_size{};  ///< empty: adaptive
  std::optional<Runtime> runtime{};       ///< empty: Runtime::shared()
};

}  // namespace adapipe::inline v0_1
