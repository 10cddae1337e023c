#include <adapipe/backend.hpp>

namespace adapipe::inline v0_1 {

CipherWorker::~CipherWorker() = default;
CipherBackend::~CipherBackend() = default;

}  // namespace adapipe::inline v0_1
