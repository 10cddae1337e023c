#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <adapipe/stages.hpp>
#include <string>
#include <utility>

#include "codec/zstd.hpp"
#include "stages/zstd_adapting.hpp"
#include "stages/zstd_frames.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// What becomes of a chunk that does not shrink.
enum class Unshrunk { goes_on_unchanged, is_coded };

class CompressWorker final : public StageWorker {
 public:
  CompressWorker(std::shared_ptr<const CodecBackend> backend, Unshrunk unshrunk,
                 std::unique_ptr<CodecWorker> codec)
      : backend_(std::move(backend)), unshrunk_(unshrunk), codec_(std::move(codec)) {}

  Outcome run(const ChunkInfo&, std::span<const std::byte> in, Buffer& out) override {
    out.resize(backend_->bound(in.size()));
    const std::size_t compressed = codec_->compress(in, {out.data(), out.size()});
    if (compressed > out.size())
      throw Error(errc::stage_failed, "compress() says that it made " + std::to_string(compressed) +
                                          " bytes where bound() allows " +
                                          std::to_string(out.size()));
    if (unshrunk_ == Unshrunk::goes_on_unchanged && (compressed == 0 || compressed >= in.size()))
      return Outcome::unchanged;
    out.resize(compressed);
    return Outcome::changed;
  }

 private:
  std::shared_ptr<const CodecBackend> backend_;
  const Unshrunk unshrunk_;
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
  CodecStage(std::shared_ptr<const CodecBackend> backend, Unshrunk unshrunk)
      : backend_(std::move(backend)), unshrunk_(unshrunk) {}

  const CodecBackend& backend() const noexcept { return *backend_; }
  Unshrunk unshrunk() const noexcept { return unshrunk_; }

  StageInfo info() const override { return {backend_->id(), backend_->parameters()}; }

  std::unique_ptr<StageWorker> make_worker(Direction direction) const override {
    std::unique_ptr<CodecWorker> codec = backend_->make_worker(direction);
    if (!codec) return nullptr;
    if (direction == Direction::forward)
      return std::make_unique<CompressWorker>(backend_, unshrunk_, std::move(codec));
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
  const Unshrunk unshrunk_;
};

}  // namespace

std::shared_ptr<const Stage> codec(std::shared_ptr<const CodecBackend> backend) {
  if (!backend) throw Error(errc::invalid_argument, "codec() was given no backend");
  return std::make_shared<CodecStage>(std::move(backend), Unshrunk::goes_on_unchanged);
}

std::shared_ptr<const Stage> zstd(const ZstdOptions& options) { return codec(zstd_codec(options)); }

std::shared_ptr<const Stage> zstd_adapting(const Stage& stage, Backlog& backlog) {
  const auto* const codec = dynamic_cast<const CodecStage*>(&stage);
  auto adapting = codec ? zstd_adapting_codec(codec->backend(), backlog) : nullptr;
  return adapting ? std::make_shared<CodecStage>(std::move(adapting), codec->unshrunk()) : nullptr;
}

std::shared_ptr<const Stage> zstd_frames(const Stage& stage) {
  const auto* const codec = dynamic_cast<const CodecStage*>(&stage);
  auto frames = codec ? zstd_frame_codec(codec->backend()) : nullptr;
  return frames ? std::make_shared<CodecStage>(std::move(frames), Unshrunk::is_coded) : nullptr;
}

}  // namespace adapipe::inline v0_1
