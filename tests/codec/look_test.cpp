#include "codec/look.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "codec/zstd.hpp"
#include "codec/zstd_context.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

/// Writes `piece(i)` over `bytes` at `first`, `first` + `step` and so on.
Bytes with_pieces(Bytes bytes, std::size_t first, std::size_t step,
                  const std::function<Bytes(std::size_t)>& piece) {
  for (std::size_t at = first, i = 0; at < bytes.size(); at += step, ++i) {
    const Bytes one = piece(i);
    if (one.size() > bytes.size() - at) break;
    std::copy(one.begin(), one.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return bytes;
}

/// Random records of `record` bytes, each with one of `pool` random keys of `key` bytes in it.
Bytes with_keys(std::size_t size, std::size_t key, std::size_t record, std::size_t pool) {
  const Bytes keys = random_bytes(key * pool, 1);
  const Bytes which = random_bytes(2 * (size / record + 1), 2);
  return with_pieces(random_bytes(size, 3), record / 3, record, [&](std::size_t i) {
    const std::size_t n = std::to_integer<std::size_t>(which[2 * i]) * 256 +
                          std::to_integer<std::size_t>(which[2 * i + 1]);
    const auto from = keys.begin() + static_cast<std::ptrdiff_t>(key * (n % pool));
    return Bytes(from, from + static_cast<std::ptrdiff_t>(key));
  });
}

Bytes with_text(std::size_t size, std::size_t first, std::size_t step, std::size_t text) {
  return with_pieces(random_bytes(size, 4), first, step,
                     [&](std::size_t i) { return compressible_bytes(text, i); });
}

Bytes of_symbols(std::size_t size, unsigned symbols) {
  Bytes bytes = random_bytes(size, 5);
  for (std::byte& b : bytes) b = static_cast<std::byte>(std::to_integer<unsigned>(b) % symbols);
  return bytes;
}

Bytes twice(const Bytes& once, std::size_t between) {
  Bytes bytes = once;
  const Bytes gap = random_bytes(between, 6);
  bytes.insert(bytes.end(), gap.begin(), gap.end());
  bytes.insert(bytes.end(), once.begin(), once.end());
  return bytes;
}

/// What zstd makes of it, or what it is if that is less: without a look.
std::size_t full_bytes(int level, const Bytes& plain) {
  Bytes out(ZSTD_compressBound(plain.size()));
  const std::size_t made = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), level);
  REQUIRE(ZSTD_isError(made) == 0);
  return std::min(made, plain.size());
}

std::size_t coded_bytes(int level, const Bytes& plain) {
  const auto codec = zstd_codec({.level = level});
  Bytes out(codec->bound(plain.size()));
  const std::size_t made = codec->make_worker(Direction::forward)->compress(plain, out);
  return made == 0 ? plain.size() : made;
}

struct Input {
  std::string name;
  Bytes bytes;
};

/// Chunks that shrink though most of their bytes, or all of them seen one by one, are random.
std::vector<Input> hardly_compressible(std::size_t size) {
  return {
      {"text in one place", with_text(size, size / 3, size, size / 40)},
      {"text in three places", with_text(size, size / 7, size / 3, size / 100)},
      {"a little text everywhere", with_text(size, 77, 4096, 400)},
      {"text between regular places", with_text(size, 0, 64 * kKiB, 4 * kKiB)},
      {"keys of 16 bytes", with_keys(size, 16, 64, 1000)},
      {"many keys of 16 bytes", with_keys(size, 16, 32, 20'000)},
      {"words of 6 bytes", with_keys(size, 6, 12, 256)},
      {"words of 4 bytes", with_keys(size, 4, 8, 256)},
      {"words of 3 bytes", with_keys(size, 3, 6, 256)},
      {"the same again", twice(random_bytes(size / 2, 8), 0)},
      {"the same again, shifted", twice(random_bytes(size / 3, 9), size / 3 - 1001)},
      {"few symbols", of_symbols(size, 64)},
      {"nearly all symbols", of_symbols(size, 160)},
      {"random", random_bytes(size, 10)},
  };
}

TEST_CASE("a look costs no more than 1% of the size, whatever the chunk is like") {
  struct Case {
    int level;
    std::size_t size;
  };
  for (const Case& c : {Case{1, kMiB}, Case{3, kMiB}, Case{3, 4 * kMiB}, Case{5, 256 * kKiB},
                        Case{6, 3 * kMiB}, Case{9, kMiB}, Case{16, 256 * kKiB}}) {
    for (const Input& input : hardly_compressible(c.size)) {
      INFO(input.name << ", level " << c.level << ", " << c.size << " bytes");
      const std::size_t full = full_bytes(c.level, input.bytes);
      CHECK(coded_bytes(c.level, input.bytes) <= full + full / 100);
    }
  }
}

TEST_CASE("repeats are found however far apart, and none in what is random") {
  for (const std::size_t size : {64 * kKiB, kMiB, 4 * kMiB, 4 * kMiB + 12'345}) {
    INFO(size << " bytes");
    Bytes scratch(size);
    CHECK_FALSE(has_repeats(random_bytes(size, 1), scratch));
    CHECK_FALSE(has_repeats(of_symbols(size, 200), scratch));
    CHECK(has_repeats(compressible_bytes(size, 1), scratch));
    CHECK(has_repeats(Bytes(size), scratch));
    for (const std::size_t shift : {0u, 1u, 777u}) {
      const Bytes bytes = twice(random_bytes(size / 8, 1), size / 2 + shift);
      CHECK(has_repeats(bytes, scratch));
    }
  }
}

TEST_CASE("what stands at two places is nearly always found if it is 3% of the bytes") {
  for (const std::size_t size : {256 * kKiB, kMiB, 4 * kMiB}) {
    INFO(size << " bytes");
    const Bytes random = random_bytes(size, 1);
    Bytes scratch(size);
    const std::size_t part = size / 32;
    std::size_t found = 0;
    constexpr std::size_t kTimes = 30;
    for (std::size_t i = 0; i < kTimes; ++i) {
      Bytes bytes = random;
      const std::size_t from = i * 7919 % part;
      const std::size_t to = size / 2 + i * 104'729 % (size / 2 - part);
      std::copy_n(random.begin() + static_cast<std::ptrdiff_t>(from), part,
                  bytes.begin() + static_cast<std::ptrdiff_t>(to));
      found += has_repeats(bytes, scratch) ? 1 : 0;
    }
    CHECK(found + 1 >= kTimes);
  }
}

TEST_CASE("repeats are looked for in any size, within the bytes") {
  for (std::size_t size = 0; size < 3000; size += 7) {
    Bytes scratch(size);
    CHECK_FALSE(has_repeats(random_bytes(size, 1), scratch));
  }
}

TEST_CASE("samples are whole pieces of every stretch") {
  Bytes bytes(64 * kKiB);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i / kKiB);
  Samples samples(bytes, 2 * kKiB, 100);  // of 4 samples, each stretch has two values of its own
  Bytes sample(samples.sample_bytes());
  std::size_t stretch = 0;
  while (samples.next(sample)) {
    for (std::size_t i = 0; i < Samples::kPieces; ++i, ++stretch)
      for (const std::size_t at : {100 * i, 100 * i + 99})
        CHECK(std::to_integer<std::size_t>(sample[at]) / 2 == stretch);
  }
  CHECK(stretch == 32);
}

TEST_CASE("what a look takes for random becomes a frame of a file all the same") {
  const auto codec = zstd_frame_codec(*zstd_codec({.level = 9}));
  REQUIRE(codec);
  const Bytes plain = random_bytes(kMiB, 1);
  Bytes frame(codec->bound(plain.size()));
  frame.resize(codec->make_worker(Direction::forward)->compress(plain, frame));
  CHECK(frame.size() > plain.size());
  CHECK(frame.size() < plain.size() + 100);
  Buffer back(plain.size());
  codec->make_worker(Direction::backward)->decompress(frame, back);
  CHECK((Bytes(back.begin(), back.end()) == plain));
}

}  // namespace
