#include "graph/tap.hpp"

#include <utility>

namespace adapipe::inline v0_1 {

Tap::Tap(Traits traits, Begin begin) : traits_(std::move(traits)), begin_(std::move(begin)) {}

std::shared_ptr<const Tap> Tap::begin(const SinkHints& hints, const std::stop_token& stop) const {
  auto begun = std::make_shared<Tap>(traits_, nullptr);
  begun->run_ = begin_(hints, stop);
  return begun;
}

std::unique_ptr<StageWorker> Tap::make_worker(Direction) const {
  struct Worker final : StageWorker {
    explicit Worker(TapRun& r) noexcept : tap_run(r) {}
    Outcome run(const ChunkInfo& chunk, std::span<const std::byte> in, Buffer&) override {
      tap_run.see(chunk, in);
      return Outcome::unchanged;
    }
    TapRun& tap_run;
  };
  if (!run_) return nullptr;  // a registry's factory gave it: only process() begins one
  return std::make_unique<Worker>(*run_);
}

}  // namespace adapipe::inline v0_1
