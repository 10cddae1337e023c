// What a container may cost whoever reads it: bounds that the reader sets.

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <atomic>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/round_trip.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kChunks = 9;
constexpr std::size_t kBytes = (kChunks - 1) * kChunk + 17;

/// Counts the bytes that it is given.
class CountingSink final : public PositionalSinkImpl {
 public:
  explicit CountingSink(std::atomic<std::uint64_t>& bytes) : bytes_(bytes) {}
  void write_at(std::uint64_t, std::span<const std::byte> bytes) override {
    bytes_ += bytes.size();
  }
  void commit() override {}
  void abandon() noexcept override {}

 private:
  std::atomic<std::uint64_t>& bytes_;
};

/// Remembers the largest piece that was asked for.
class WatchedSource final : public PositionalSourceImpl {
 public:
  WatchedSource(const Bytes& bytes, std::size_t& largest) : bytes_(bytes), largest_(largest) {}
  std::uint64_t total_bytes() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) override {
    largest_ = std::max(largest_, to.size());
    const std::size_t bytes = std::min<std::uint64_t>(to.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), bytes, to.begin());
    return bytes;
  }

 private:
  const Bytes& bytes_;
  std::size_t& largest_;
};

Source stream_of(const Bytes& bytes) {
  return Source(std::make_unique<HookedStream>(bytes, BeforeCall()));
}

/// Its header says how long the stream is if `length_known`.
Bytes container_of(const Bytes& plain, const std::optional<Cipher>& cipher, bool length_known) {
  auto builder = Pipeline::Builder();
  builder.add(zstd()).chunk_size(ChunkSize::from_bytes(kChunk)).runtime(Runtime::serial());
  if (cipher) builder.add(*cipher);
  Bytes sealed;
  builder.build().process(length_known ? Source::memory(plain) : stream_of(plain),
                          Sink::memory(sealed));
  return sealed;
}

}  // namespace

TEST_CASE("a restore needs memory for its largest chunk, wherever that stands") {
  constexpr std::size_t kMib = std::size_t{1} << 20;
  const Pipeline pipeline = Pipeline::Builder().chunk_size(ChunkSize::from_mib(4)).build();
  for (const std::size_t largest : {0u, 1u, 2u}) {
    INFO("chunk " << largest);
    Bytes sealed;
    Writer writer(pipeline, Sink::memory(sealed));
    for (const std::size_t chunk : {0u, 1u, 2u}) {
      writer.write(Bytes(chunk == largest ? 4 * kMib : 1));
      writer.flush();
    }
    writer.finish();
    const auto restored = [&](std::size_t memory_bytes) {
      return thrown_kind([&] {
        verify(Source::memory(sealed),
               {.runtime = Runtime({.worker_threads = 1, .memory_bytes = memory_bytes})});
      });
    };
    CHECK(restored(5 * kMib) == errc{});
    CHECK(restored(3 * kMib) == errc::resource_exhausted);
  }
}

TEST_CASE("nobody is given more than max_plain_bytes, from a file or a stream") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = compressible_bytes(kBytes, 1);
  for (const bool encrypted : {false, true})
    for (const bool length_known : {false, true}) {
      std::optional<Cipher> cipher;
      if (encrypted) cipher = aes_256_gcm({.recipients = {key}});
      const Bytes sealed = container_of(plain, cipher, length_known);
      for (const NamedRuntime& runtime : test_runtimes())
        for (const bool as_stream : {false, true})
          for (const std::uint64_t most :
               {std::uint64_t{0}, std::uint64_t{kChunk - 1}, std::uint64_t{kChunk},
                std::uint64_t{3 * kChunk + 1}, std::uint64_t{kBytes - 1}, std::uint64_t{kBytes}}) {
            INFO(runtime.name << ", encrypted " << encrypted << ", length known " << length_known
                              << ", stream " << as_stream << ", at most " << most);
            std::atomic<std::uint64_t> given{0};
            RestoreOptions options{.runtime = runtime.runtime, .max_plain_bytes = most};
            if (encrypted) options.identities = {key};
            const auto source = [&] {
              return as_stream ? stream_of(sealed) : Source::memory(sealed);
            };
            const errc expected = most < kBytes ? errc::limit_exceeded : errc{};
            CHECK(thrown_kind([&] {
                    restore(source(), Sink(std::make_unique<CountingSink>(given)), options);
                  }) == expected);
            CHECK(given <= most);
            if (length_known || !as_stream) CHECK(given == (most < kBytes ? 0 : kBytes));
            CHECK(thrown_kind([&] { verify(source(), options); }) == expected);
          }
    }
}

TEST_CASE("an index is not read if it takes more memory than is allowed") {
  const Bytes plain = compressible_bytes(kBytes, 1);
  const Bytes sealed = container_of(plain, std::nullopt, true);
  constexpr std::size_t kIndexBytes = 16 + kChunks * 8 + 8;  // its payload in the container
  for (const std::uint64_t most :
       {std::uint64_t{0}, std::uint64_t{4 * kIndexBytes - 1}, std::uint64_t{4 * kIndexBytes}}) {
    INFO("at most " << most);
    const errc expected = most < 4 * kIndexBytes ? errc::resource_exhausted : errc{};
    CHECK(thrown_kind([&] {
            (void)Reader::open(Source::memory(sealed), {.max_index_memory_bytes = most});
          }) == expected);
    CHECK(thrown_kind([&] { inspect(Source::memory(sealed), most); }) == expected);
  }
  const Bytes longer = container_of(compressible_bytes(1000 * kChunk, 1), std::nullopt, true);
  std::size_t largest = 0;
  CHECK(thrown_kind([&] {
          inspect(Source(std::make_unique<WatchedSource>(longer, largest)), 1000);
        }) == errc::resource_exhausted);
  CHECK(largest < 1000);
}

TEST_CASE("an encrypted container can be inspected without memory for an index") {
  const SharedKey key = SharedKey::generate();
  const Bytes sealed =
      container_of(compressible_bytes(kBytes, 1), aes_256_gcm({.recipients = {key}}), true);
  CHECK(inspect(Source::memory(sealed), 0).slot_types == std::vector<std::uint16_t>{1});
}

}  // namespace adapipe
