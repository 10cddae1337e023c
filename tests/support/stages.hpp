#pragma once

#include <adapipe/error.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/stage.hpp>
#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace adapipe::testing {

/// A stage made of a callable, the same in both directions unless told.
class CallableStage final : public Stage {
 public:
  using Run = std::function<Outcome(const ChunkInfo&, std::span<const std::byte>, Buffer&)>;
  struct Traits {
    std::size_t max_concurrency = 0;
    bool reversible = true;
    std::size_t growth_bytes = 0;
  };

  CallableStage(StageInfo info, Run run, Traits traits)
      : info_(std::move(info)), run_(std::move(run)), traits_(traits) {}

  StageInfo info() const override { return info_; }
  std::size_t max_output_bytes(std::size_t bytes) const override {
    return bytes + traits_.growth_bytes;
  }
  std::size_t max_concurrency() const override { return traits_.max_concurrency; }
  bool reversible() const override { return traits_.reversible; }

  std::unique_ptr<StageWorker> make_worker(Direction) const override {
    struct Worker final : StageWorker {
      explicit Worker(const Run& r) : run_(r) {}
      Outcome run(const ChunkInfo& chunk, std::span<const std::byte> in, Buffer& out) override {
        return run_(chunk, in, out);
      }
      const Run& run_;
    };
    return std::make_unique<Worker>(run_);
  }

 private:
  StageInfo info_;
  Run run_;
  Traits traits_;
};

inline std::shared_ptr<const Stage> make_stage(std::string id, CallableStage::Run run,
                                               CallableStage::Traits traits = {}) {
  return std::make_shared<CallableStage>(StageInfo{.id = std::move(id)}, std::move(run), traits);
}

inline Outcome xor_bytes(std::span<const std::byte> in, Buffer& out, std::byte key) {
  out.resize(in.size());
  std::transform(in.begin(), in.end(), out.data(), [key](std::byte b) { return b ^ key; });
  return Outcome::changed;
}

/// Its own inverse: engine logic without a cipher.
inline std::shared_ptr<const Stage> xor_stage(std::byte key = std::byte{0x5A}) {
  return make_stage(
      "test.xor", [key](const ChunkInfo&, auto in, auto& out) { return xor_bytes(in, out, key); });
}

/// Passes every other chunk through, so that skip bits alternate.
inline std::shared_ptr<const Stage> every_other_stage() {
  return make_stage("test.every-other", [](const ChunkInfo& chunk, auto in, auto& out) {
    if (chunk.index % 2 == 1) return Outcome::unchanged;
    return xor_bytes(in, out, std::byte{0x33});
  });
}

/// As xor_stage, one thread at a time.
inline std::shared_ptr<const Stage> lonely_stage() {
  return make_stage(
      "test.lonely",
      [](const ChunkInfo&, auto in, auto& out) { return xor_bytes(in, out, std::byte{0x77}); },
      {.max_concurrency = 1});
}

/// A registry that knows `stages` by their ids.
inline StageRegistry registry_of(const std::vector<std::shared_ptr<const Stage>>& stages) {
  StageRegistry registry;
  for (const auto& stage : stages)
    if (!registry.contains(stage->info().id))
      registry.add(stage->info().id, [stage](std::span<const std::byte>) { return stage; });
  return registry;
}

}  // namespace adapipe::testing
