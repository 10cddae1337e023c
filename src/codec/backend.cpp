#include <adapipe/backend.hpp>

namespace adapipe::inline v0_1 {

CodecWorker::~CodecWorker() = default;
CodecBackend::~CodecBackend() = default;

std::vector<std::byte> CodecBackend::parameters() const { return {}; }
std::size_t CodecBackend::worker_bytes(Direction, std::size_t) const { return 0; }

}  // namespace adapipe::inline v0_1
