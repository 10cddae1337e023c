#include "codec/zstd.hpp"

#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <climits>

#include "codec/level_control.hpp"
#include "codec/look.hpp"
#include "codec/zstd_context.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {
namespace {

using CompressorPtr = std::unique_ptr<ZSTD_CCtx, ZstdFree<ZSTD_freeCCtx>>;
using ParametersPtr = std::unique_ptr<ZSTD_CCtx_params, ZstdFree<ZSTD_freeCCtxParams>>;

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

/// How matches are looked for; 0: as the level has it.
struct Search {
  int level = 0;
  int min_match = 0;
  int strategy = 0;
};

constexpr int kFastLevel = 1;
/// From here on zstd is slow also where nothing shrinks: a 10th to a 500th of its speed before.
constexpr int kFirstSlowLevel = 5;
constexpr std::size_t kMostPieceBytes = 4 * 1024;

/// For a sample, where short matches are scarce: it must miss none.
Search sample_search(int level) {
  if (level < kFirstSlowLevel) return {.level = level, .min_match = 4};
  return {.level = level, .min_match = 3, .strategy = ZSTD_btopt};
}

/// `set(parameter, value)` for all that matters. What zstd would choose by itself and in newer
/// versions otherwise is fixed where memory depends on it, so that the estimate holds.
template <typename Set>
void configure(const ZstdOptions& options, const Search& search, std::size_t input_bytes, Set set) {
  set(ZSTD_c_compressionLevel, search.level);
  set(ZSTD_c_minMatch, search.min_match);
  set(ZSTD_c_strategy, search.strategy);
  set(ZSTD_c_windowLog, options.window_log);
  set(ZSTD_c_enableLongDistanceMatching, options.long_distance ? ZSTD_ps_enable : ZSTD_ps_disable);
  if (options.long_distance) {
    int reach_log = static_cast<int>(std::bit_width(std::max<std::size_t>(input_bytes, 1) - 1));
    if (options.window_log != 0) reach_log = std::min(reach_log, options.window_log);
    set(ZSTD_c_ldmHashLog, std::clamp(reach_log - 7, ZSTD_LDM_HASHLOG_MIN, 20));
    set(ZSTD_c_ldmMinMatch, 64);
  }
  set(ZSTD_c_contentSizeFlag, 1);
  set(ZSTD_c_dictIDFlag, 0);
}

/// What the frames are for.
enum class FrameUse {
  record,  ///< adapipe's own record, which has its check and may hold the input as it is
  file     ///< a file that holds nothing else
};

/// Whether looking costs so much less than compressing that it is worth while.
bool deserves_a_look(FrameUse use, int level, std::size_t bytes) noexcept {
  if (level >= kFirstSlowLevel) return bytes >= 256 * 1024;
  return use == FrameUse::record && bytes >= 1024 * 1024;
}

class ZstdWorker final : public CodecWorker {
 public:
  ZstdWorker(const ZstdOptions& options, FrameUse use, std::shared_ptr<LevelControl> control)
      : options_(options), use_(use), control_(std::move(control)) {}

  std::size_t compress(ByteSpan in, std::span<std::byte> out) override {
    if (!control_) return compress(options_.level.min(), in, out);
    const auto began = LevelControl::Clock::now();
    const int level = control_->begin(began);
    const std::size_t bytes = compress(level, in, out);
    control_->end(level, LevelControl::Clock::now() - began);
    return bytes;
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
  std::size_t compress(int level, ByteSpan in, std::span<std::byte> out) {
    if (deserves_a_look(use_, level, in.size()) && !may_shrink(level, in, out))
      return use_ == FrameUse::file ? run({.level = kFastLevel}, in, out) : 0;
    const std::size_t bytes = run({.level = level}, in, out);
    return use_ == FrameUse::file || bytes < in.size() ? bytes : 0;
  }

  /// false: no level makes it smaller by 1%, as far as a look can tell. `out` is used for it.
  bool may_shrink(int level, ByteSpan in, std::span<std::byte> out) {
    if (has_repeats(in, out)) return true;
    if (level < kFirstSlowLevel)
      return a_sample_shrinks(level, Samples(in, 64 * 1024, kMostPieceBytes), out);
    // One sample for what is everywhere, and all of it for what is in few places.
    const std::size_t piece = std::clamp<std::size_t>(in.size() / 1024, 1024, kMostPieceBytes);
    return a_sample_shrinks(level, Samples(in, in.size() / Samples::kPieces, piece), out) ||
           is_worthwhile(run({.level = kFastLevel}, in, out), in.size());
  }

  bool a_sample_shrinks(int level, Samples samples, std::span<std::byte> out) {
    const Search search = sample_search(level);
    const std::span<std::byte> sample = out.first(samples.sample_bytes());
    while (samples.next(sample))
      if (is_worthwhile(run(search, sample, out.subspan(sample.size())), sample.size()))
        return true;
    return false;
  }

  static bool is_worthwhile(std::size_t bytes, std::size_t plain_bytes) noexcept {
    return bytes < plain_bytes - plain_bytes / 256;
  }

  std::size_t run(const Search& search, ByteSpan in, std::span<std::byte> out) {
    if (!compressor_) compressor_ = owned<CompressorPtr>(ZSTD_createCCtx());
    const auto set = [&](ZSTD_cParameter parameter, int value) {
      checked(ZSTD_CCtx_setParameter(compressor_.get(), parameter, value));
    };
    configure(options_, search, in.size(), set);
    set(ZSTD_c_checksumFlag, use_ == FrameUse::file ? 1 : 0);
    return checked(ZSTD_compress2(compressor_.get(), out.data(), out.size(), in.data(), in.size()));
  }

  const ZstdOptions options_;
  const FrameUse use_;
  const std::shared_ptr<LevelControl> control_;  // if the level is adaptive
  CompressorPtr compressor_;                     // each made when it is needed:
  DecompressorPtr decompressor_;                 // a worker runs in one direction
};

class ZstdCodec final : public CodecBackend {
 public:
  ZstdCodec(const ZstdOptions& options, FrameUse use,
            std::shared_ptr<LevelControl> control = nullptr)
      : options_(options), use_(use), control_(std::move(control)) {}

  const ZstdOptions& options() const noexcept { return options_; }
  FrameUse use() const noexcept { return use_; }

  std::string id() const override { return kZstdId; }
  std::size_t bound(std::size_t input_bytes) const override {
    return ZSTD_compressBound(input_bytes);
  }
  std::unique_ptr<CodecWorker> make_worker(Direction) const override {
    return std::make_unique<ZstdWorker>(options_, use_, control_);
  }
  std::size_t worker_bytes(Direction direction, std::size_t chunk_bytes) const override {
    if (direction == Direction::backward) return ZSTD_estimateDCtxSize();
    // zstd has a table of parameters for each class of sizes, and that of a smaller class, which
    // the last chunk may be of, can need more.
    std::size_t most = 0;
    for (int level = options_.level.min(); level <= options_.level.max(); ++level) {
      for (const std::size_t bytes :
           {std::size_t{16} << 10, std::size_t{128} << 10, std::size_t{256} << 10, chunk_bytes})
        most = std::max(most, compressor_bytes({.level = level}, std::min(bytes, chunk_bytes)));
      if (!deserves_a_look(use_, level, chunk_bytes)) continue;
      most = std::max({most, compressor_bytes({.level = kFastLevel}, chunk_bytes),
                       compressor_bytes(sample_search(level), Samples::kPieces * kMostPieceBytes)});
    }
    return most;
  }

 private:
  std::size_t compressor_bytes(const Search& search, std::size_t input_bytes) const {
    const auto parameters = owned<ParametersPtr>(ZSTD_createCCtxParams());
    const auto set = [&](ZSTD_cParameter parameter, int value) {
      checked(ZSTD_CCtxParams_setParameter(parameters.get(), parameter, value));
    };
    configure(options_, search, input_bytes, set);
    set(ZSTD_c_srcSizeHint, static_cast<int>(std::clamp<std::size_t>(input_bytes, 1, INT_MAX)));
    return checked(ZSTD_estimateCCtxSize_usingCCtxParams(parameters.get()));
  }

  const ZstdOptions options_;
  const FrameUse use_;
  const std::shared_ptr<LevelControl> control_;
};

void check_range(const char* name, int value, int low, int high) {
  if (value < low || value > high)
    throw Error(errc::invalid_argument, std::string("zstd's ") + name + " is " +
                                            std::to_string(value) + ", but must be " +
                                            std::to_string(low) + " .. " + std::to_string(high));
}

}  // namespace

std::shared_ptr<const CodecBackend> zstd_codec(const ZstdOptions& options) {
  const ZstdLevel level = options.level;
  check_range("level", level.min(), -7, 22);
  check_range("level", level.max(), -7, 22);
  if (level.min() > level.max())
    throw Error(errc::invalid_argument, "an adaptive level goes from " +
                                            std::to_string(level.min()) + " up to " +
                                            std::to_string(level.max()) + ", which is lower");
  if (options.window_log != 0) check_range("window_log", options.window_log, 10, 27);
  return std::make_shared<ZstdCodec>(options, FrameUse::record);
}

std::shared_ptr<const CodecBackend> zstd_adapting_codec(const CodecBackend& codec,
                                                        Backlog& backlog) {
  const auto* const zstd = dynamic_cast<const ZstdCodec*>(&codec);
  if (!zstd || zstd->options().level.min() == zstd->options().level.max()) return nullptr;
  auto control = std::make_shared<LevelControl>(zstd->options().level, backlog);
  return std::make_shared<ZstdCodec>(zstd->options(), zstd->use(), std::move(control));
}

std::shared_ptr<const CodecBackend> zstd_frame_codec(const CodecBackend& codec) {
  const auto* const zstd = dynamic_cast<const ZstdCodec*>(&codec);
  return zstd ? std::make_shared<ZstdCodec>(zstd->options(), FrameUse::file) : nullptr;
}

}  // namespace adapipe::inline v0_1
