#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <adapipe/stages.hpp>
#include <utility>

#include "codec/zstd.hpp"

namespace adapipe::inline v0_1 {

namespace {

class CompressWorker final : public StageWorker {
 public:
  CompressWorker(std::shared_ptr<const CodecBackend> backend, std::unique_ptr<CodecWorker> codec)
      : backend_(std::move(backend)), codec_(std::move(codec)) {}

  Outcome run(const ChunkInfo&, std::span<const std::byte> in, Buffer& out) override {
    out.resize(backend_->bound(in.size()));
    const std::size_t compressed = codec_->compress(in, {out.data(), out.size()});
    if (compressed == 0 || compressed >= in.size()) return Outcome::unchanged;
    out.resize(compressed);
    return Outcome::changed;
  }

 private:
  std::shared_ptr<const CodecBackend> backend_;
  std::unique_ptr<CodecWorker> codec_;
};

class DecompressWorker final : public StageWorker {
 public:
  explicit DecompressWorker(std::unique_ptr<CodecWorker> codec) : codec_(std::move(codec)) {}

  Outcome run(const ChunkInfo&, std::span<const std::byte> in, Buffer& out) override {
    codec_->decompress(in, out);
    return Outcome::changed;
  }

 private:
  std::unique_ptr<CodecWorker> codec_;
};

class CodecStage final : public Stage {
 public:
  explicit CodecStage(std::shared_ptr<const CodecBackend> backend) : backend_(std::move(backend)) {}

  StageInfo info() const override { return {backend_->id(), backend_->parameters()}; }

  std::unique_ptr<StageWorker> make_worker(Direction direction) const override {
    std::unique_ptr<CodecWorker> codec = backend_->make_worker(direction);
    if (direction == Direction::forward)
      return std::make_unique<CompressWorker>(backend_, std::move(codec));
    return std::make_unique<DecompressWorker>(std::move(codec));
  }

  std::size_t max_output_bytes(std::size_t input_bytes) const override {
    return backend_->bound(input_bytes);
  }

  std::size_t worker_bytes(Direction direction, std::size_t chunk_bytes) const override {
    return backend_->worker_bytes(direction, chunk_bytes);
  }

 private:
  std::shared_ptr<const CodecBackend> backend_;
};

}  // namespace

std::shared_ptr<const Stage> codec(std::shared_ptr<const CodecBackend> backend) {
  if (!backend) throw Error(errc::invalid_argument, "codec() was given no backend");
  return std::make_shared<CodecStage>(std::move(backend));
}

std::shared_ptr<const Stage> zstd(const ZstdOptions& options) { return codec(zstd_codec(options)); }

}  // namespace adapipe::inline v0_1
