#include <adapipe/adapipe.hpp>
#include <adapipe/backend.hpp>
#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/round_trip.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::byte kMark{0xAB};  // what the second chunk begins with

/// A host's codec: halves chunks of pairs of equal bytes, and misbehaves at marked chunks.
struct Pairs {
  using Compress = std::function<std::size_t(std::span<const std::byte>, std::span<std::byte>)>;
  using Decompress = std::function<void(std::span<const std::byte>, Buffer&)>;

  Compress compress = half;
  Decompress decompress = twice;
  std::function<std::size_t(std::size_t)> bound = [](std::size_t bytes) { return bytes / 2; };
  bool makes_workers = true;

  static std::size_t half(std::span<const std::byte> in, std::span<std::byte> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = in[2 * i];
    return out.size();
  }
  static void twice(std::span<const std::byte> in, Buffer& out) {
    out.resize(2 * in.size());
    for (std::size_t i = 0; i < out.size(); ++i) out.data()[i] = in[i / 2];
  }
};

class PairsCodec final : public CodecBackend {
 public:
  explicit PairsCodec(Pairs pairs) : pairs_(std::move(pairs)) {}
  std::string id() const override { return "test.pairs"; }
  std::size_t bound(std::size_t bytes) const override { return pairs_.bound(bytes); }
  std::unique_ptr<CodecWorker> make_worker(Direction) const override {
    struct Worker final : CodecWorker {
      explicit Worker(const Pairs& p) : pairs(p) {}
      std::size_t compress(std::span<const std::byte> in, std::span<std::byte> out) override {
        return (in[0] == kMark ? pairs.compress : Pairs::half)(in, out);
      }
      void decompress(std::span<const std::byte> in, Buffer& out) override {
        (in[0] == kMark ? pairs.decompress : Pairs::twice)(in, out);
      }
      const Pairs& pairs;
    };
    return pairs_.makes_workers ? std::make_unique<Worker>(pairs_) : nullptr;
  }

 private:
  const Pairs pairs_;
};

std::shared_ptr<const Stage> pairs(Pairs how = {}) {
  return codec(std::make_shared<PairsCodec>(std::move(how)));
}

Bytes three_chunks() {
  Bytes plain(3 * kChunk, std::byte{1});
  std::fill_n(plain.begin() + kChunk, kChunk, kMark);
  return plain;
}

Report process_with(const std::shared_ptr<const Stage>& stage, const Runtime& runtime,
                    Bytes& sealed) {
  const Bytes plain = three_chunks();
  return Pipeline::Builder()
      .add(stage)
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build()
      .process(Source::memory(plain), Sink::memory(sealed));
}

RestoreOptions restoring(const Runtime& runtime, const Pairs& how = {}) {
  StageRegistry registry;
  registry.add("test.pairs", [how](std::span<const std::byte>) { return pairs(how); });
  return {.registry = registry, .runtime = runtime};
}

}  // namespace

TEST_CASE("a codec of the host's own works once its factory is registered") {
  for (const NamedRuntime& runtime : test_runtimes()) {
    Bytes sealed, back;
    const Report made = process_with(pairs(), runtime.runtime, sealed);
    CHECK(made.stages.at(0).name == "test.pairs");
    CHECK(made.stages.at(0).bytes_out == made.input_bytes / 2);
    restore(Source::memory(sealed), Sink::memory(back), restoring(runtime.runtime));
    CHECK(back == three_chunks());
    CHECK(thrown_kind([&] { restore(Source::memory(sealed), Sink::memory(back)); }) ==
          errc::unknown_stage);
  }
}

TEST_CASE("a codec that breaks its contract is named, with the chunk, and nothing is overwritten") {
  const Pairs::Compress says_one_more = [](auto in, auto out) { return Pairs::half(in, out) + 1; };
  const Pairs::Compress says_too_much = [](auto, auto) { return SIZE_MAX; };
  const Pairs::Compress throws = [](auto, auto) -> std::size_t {
    throw std::runtime_error("no luck");
  };
  const Pairs::Decompress one_less = [](auto in, Buffer& out) { out.resize(2 * in.size() - 1); };
  const Pairs::Decompress one_more = [](auto in, Buffer& out) { out.resize(2 * in.size() + 1); };
  const Pairs::Decompress does_nothing = [](auto, Buffer&) {};
  const Pairs::Decompress throws_back = [](auto, Buffer&) { throw std::runtime_error("no luck"); };
  struct Case {
    const char* name;
    Pairs how;
    Direction at;
    errc expected;
  };
  for (const Case& c : {
           Case{"says that it made one byte too many",
                {.compress = says_one_more},
                Direction::forward,
                errc::stage_failed},
           Case{"says that it made everything",
                {.compress = says_too_much},
                Direction::forward,
                errc::stage_failed},
           Case{"throws", {.compress = throws}, Direction::forward, errc::stage_failed},
           Case{"gives less than there was",
                {.decompress = one_less},
                Direction::backward,
                errc::corrupt},
           Case{"asks for more than there was",
                {.decompress = one_more},
                Direction::backward,
                errc::limit_exceeded},
           Case{"gives nothing back",
                {.decompress = does_nothing},
                Direction::backward,
                errc::corrupt},
           Case{"throws at restoring",
                {.decompress = throws_back},
                Direction::backward,
                errc::stage_failed},
       }) {
    for (const NamedRuntime& runtime : test_runtimes()) {
      INFO(c.name << ", " << runtime.name);
      Bytes sealed, back;
      const Error error = thrown_by([&] {
        if (c.at == Direction::forward) {
          process_with(pairs(c.how), runtime.runtime, sealed);
        } else {
          process_with(pairs(), runtime.runtime, sealed);
          restore(Source::memory(sealed), Sink::memory(back), restoring(runtime.runtime, c.how));
        }
      });
      CHECK(error.kind() == c.expected);
      CHECK(error.chunk() == 1);
      CHECK(error.stage() == "test.pairs");
      CHECK(back.empty());
    }
  }
}

TEST_CASE("a codec with a bound that cannot be, or without workers, is refused by name") {
  for (const std::size_t bound : {SIZE_MAX, SIZE_MAX - 64, SIZE_MAX / 2}) {
    Bytes sealed;
    const Error error = thrown_by([&] {
      process_with(pairs({.bound = [bound](std::size_t) { return bound; }}), Runtime::serial(),
                   sealed);
    });
    CHECK(error.kind() == errc::limit_exceeded);
    CHECK(error.stage() == "test.pairs");
  }
  Bytes sealed;
  const Error error =
      thrown_by([&] { process_with(pairs({.makes_workers = false}), Runtime::serial(), sealed); });
  CHECK(error.kind() == errc::stage_failed);
  CHECK(error.stage() == "test.pairs");
  CHECK(thrown_kind([] { (void)codec(nullptr); }) == errc::invalid_argument);
}

}  // namespace adapipe
