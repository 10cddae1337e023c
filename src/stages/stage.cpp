#include <adapipe/stage.hpp>

namespace adapipe::inline v0_1 {

StageWorker::~StageWorker() = default;
Stage::~Stage() = default;

std::size_t Stage::max_output_bytes(std::size_t input_bytes) const { return input_bytes; }
std::size_t Stage::worker_bytes(Direction, std::size_t) const { return 0; }
std::size_t Stage::max_concurrency() const { return 0; }
bool Stage::in_order() const { return false; }
bool Stage::reversible() const { return true; }

}  // namespace adapipe::inline v0_1
