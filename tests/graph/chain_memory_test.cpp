#include <adapipe/stage.hpp>
#include <memory>

#include "graph/stage_chain.hpp"
#include "support/catch.hpp"
#include "support/stages.hpp"

namespace adapipe {

using namespace testing;

namespace {

/// Makes more of a chunk, and its workers hold as much as there is in front of it.
class HoldsItsInput final : public Stage {
 public:
  explicit HoldsItsInput(std::size_t growth_bytes) : growth_bytes_(growth_bytes) {}

  StageInfo info() const override { return {.id = "test.holds-its-input"}; }
  std::unique_ptr<StageWorker> make_worker(Direction) const override { return nullptr; }
  std::size_t max_output_bytes(std::size_t bytes) const override { return bytes + growth_bytes_; }
  std::size_t worker_bytes(Direction, std::size_t bytes) const override { return bytes; }

 private:
  const std::size_t growth_bytes_;
};

class Halves final : public Stage {
 public:
  StageInfo info() const override { return {.id = "test.halves"}; }
  std::unique_ptr<StageWorker> make_worker(Direction) const override { return nullptr; }
  std::size_t max_output_bytes(std::size_t bytes) const override { return bytes / 2; }
};

}  // namespace

TEST_CASE("a worker is counted for what the stages before it can have made of a chunk") {
  constexpr std::size_t kBytes = 10'000;
  const auto holds = [](std::size_t growth_bytes) {
    return std::make_shared<HoldsItsInput>(growth_bytes);
  };
  for (const Direction direction : {Direction::forward, Direction::backward}) {
    const StageChain growing(direction, {holds(5'000), holds(700), xor_stage(), holds(0)});
    CHECK(growing.worker_bytes(kBytes) == kBytes + (kBytes + 5'000) + (kBytes + 5'700));
    CHECK(growing.most_stored_bytes(kBytes) == kBytes + 5'700);

    // A stage that makes less of it may pass it on unchanged.
    const StageChain shrinking(direction, {holds(5'000), std::make_shared<Halves>(), holds(0)});
    CHECK(shrinking.worker_bytes(kBytes) == kBytes + (kBytes + 5'000));
    CHECK(shrinking.most_stored_bytes(kBytes) == kBytes + 5'000);
  }
}

}  // namespace adapipe
