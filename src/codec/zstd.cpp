#include "codec/zstd.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // the size estimates
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <climits>

#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {
namespace {

template <auto Free>
struct ZstdFree {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using CompressorPtr = std::unique_ptr<ZSTD_CCtx, ZstdFree<ZSTD_freeCCtx>>;
using DecompressorPtr = std::unique_ptr<ZSTD_DCtx, ZstdFree<ZSTD_freeDCtx>>;
using ParametersPtr = std::unique_ptr<ZSTD_CCtx_params, ZstdFree<ZSTD_freeCCtxParams>>;

template <typename Ptr>
Ptr owned(typename Ptr::pointer object) {
  if (object == nullptr) throw Error(errc::resource_exhausted, "no memory for a zstd context");
  return Ptr(object);
}

/// The compressing side's errors; on the other side the input is at fault.
std::size_t checked(std::size_t result) {
  if (ZSTD_isError(result) == 0) return result;
  const bool no_memory = ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation;
  throw Error(no_memory ? errc::resource_exhausted : errc::stage_failed,
              std::string("zstd cannot compress: ") + ZSTD_getErrorName(result));
}

[[noreturn]] void throw_corrupt(const char* why) {
  throw Error(errc::corrupt, std::string("not one valid zstd frame: ") + why);
}

/// `set(parameter, value)` for all that matters. What zstd would choose by itself and in newer
/// versions otherwise is fixed where memory depends on it, so that the estimate holds.
template <typename Set>
void configure(const ZstdOptions& options, std::size_t input_bytes, Set set) {
  set(ZSTD_c_compressionLevel, options.level);
  set(ZSTD_c_windowLog, options.window_log);
  set(ZSTD_c_enableLongDistanceMatching, options.long_distance ? ZSTD_ps_enable : ZSTD_ps_disable);
  if (options.long_distance) {
    int reach_log = static_cast<int>(std::bit_width(std::max<std::size_t>(input_bytes, 1) - 1));
    if (options.window_log != 0) reach_log = std::min(reach_log, options.window_log);
    set(ZSTD_c_ldmHashLog, std::clamp(reach_log - 7, ZSTD_LDM_HASHLOG_MIN, 20));
    set(ZSTD_c_ldmMinMatch, 64);
  }
  set(ZSTD_c_contentSizeFlag, 1);
  set(ZSTD_c_checksumFlag, 0);
  set(ZSTD_c_dictIDFlag, 0);
}

class ZstdWorker final : public CodecWorker {
 public:
  explicit ZstdWorker(const ZstdOptions& options) : options_(options) {}

  std::size_t compress(ByteSpan in, std::span<std::byte> out) override {
    if (!compressor_) compressor_ = owned<CompressorPtr>(ZSTD_createCCtx());
    configure(options_, in.size(), [&](ZSTD_cParameter parameter, int value) {
      checked(ZSTD_CCtx_setParameter(compressor_.get(), parameter, value));
    });
    const std::size_t bytes =
        checked(ZSTD_compress2(compressor_.get(), out.data(), out.size(), in.data(), in.size()));
    return bytes < in.size() ? bytes : 0;
  }

  void decompress(ByteSpan in, Buffer& out) override {
    // By its magic number: skippable frames and those of old versions pass all that follows.
    if (in.size() < 4 || load_le<std::uint32_t>(in.data()) != ZSTD_MAGICNUMBER)
      throw_corrupt("it does not start as one");
    const std::size_t frame_bytes = ZSTD_findFrameCompressedSize(in.data(), in.size());
    if (ZSTD_isError(frame_bytes) != 0) throw_corrupt(ZSTD_getErrorName(frame_bytes));
    if (frame_bytes != in.size()) throw_corrupt("bytes follow it");
    const unsigned long long plain_bytes = ZSTD_getFrameContentSize(in.data(), in.size());
    if (plain_bytes == ZSTD_CONTENTSIZE_ERROR || plain_bytes == ZSTD_CONTENTSIZE_UNKNOWN)
      throw_corrupt("it does not say its size");
    if (plain_bytes > out.max_size()) throw_corrupt("it claims more than the chunk can hold");
    out.resize(static_cast<std::size_t>(plain_bytes));
    if (!decompressor_) decompressor_ = owned<DecompressorPtr>(ZSTD_createDCtx());
    const std::size_t made =
        ZSTD_decompressDCtx(decompressor_.get(), out.data(), out.size(), in.data(), in.size());
    if (ZSTD_isError(made) != 0) throw_corrupt(ZSTD_getErrorName(made));
    if (made != plain_bytes) throw_corrupt("it holds less than it says");
  }

 private:
  const ZstdOptions options_;
  CompressorPtr compressor_;      // each made when it is needed:
  DecompressorPtr decompressor_;  // a worker runs in one direction
};

class ZstdCodec final : public CodecBackend {
 public:
  explicit ZstdCodec(const ZstdOptions& options) : options_(options) {}

  std::string id() const override { return kZstdId; }
  std::size_t bound(std::size_t input_bytes) const override {
    return ZSTD_compressBound(input_bytes);
  }
  std::unique_ptr<CodecWorker> make_worker(Direction) const override {
    return std::make_unique<ZstdWorker>(options_);
  }
  std::size_t worker_bytes(Direction direction, std::size_t chunk_bytes) const override {
    if (direction == Direction::backward) return ZSTD_estimateDCtxSize();
    // zstd has a table of parameters for each class of sizes, and that of a smaller class, which
    // the last chunk may be of, can need more.
    std::size_t most = compressor_bytes(chunk_bytes);
    for (const std::size_t class_bytes : {16u << 10, 128u << 10, 256u << 10})
      if (class_bytes < chunk_bytes) most = std::max(most, compressor_bytes(class_bytes));
    return most;
  }

 private:
  std::size_t compressor_bytes(std::size_t input_bytes) const {
    const auto parameters = owned<ParametersPtr>(ZSTD_createCCtxParams());
    const auto set = [&](ZSTD_cParameter parameter, int value) {
      checked(ZSTD_CCtxParams_setParameter(parameters.get(), parameter, value));
    };
    configure(options_, input_bytes, set);
    set(ZSTD_c_srcSizeHint, static_cast<int>(std::clamp<std::size_t>(input_bytes, 1, INT_MAX)));
    return checked(ZSTD_estimateCCtxSize_usingCCtxParams(parameters.get()));
  }

  const ZstdOptions options_;
};

void check_range(const char* name, int value, int low, int high) {
  if (value < low || value > high)
    throw Error(errc::invalid_argument, std::string("zstd's ") + name + " is " +
                                            std::to_string(value) + ", but must be " +
                                            std::to_string(low) + " .. " + std::to_string(high));
}

}  // namespace

std::shared_ptr<const CodecBackend> zstd_codec(const ZstdOptions& options) {
  check_range("level", options.level, -7, 22);
  if (options.window_log != 0) check_range("window_log", options.window_log, 10, 27);
  return std::make_shared<ZstdCodec>(options);
}

}  // namespace adapipe::inline v0_1
