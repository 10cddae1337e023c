#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <functional>
#include <optional>
#include <string>

#include "api/plan_cost.hpp"
#include "api/process_job.hpp"
#include "support/catch.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

}  // namespace

TEST_CASE("build() refuses what cannot work and names the stage") {
  const SharedKey key = SharedKey::generate();
  const Passphrase pass("secret");
  struct Case {
    const char* name;
    std::function<void(Pipeline::Builder&)> add;
    std::optional<std::string> stage;
  };
  const Case cases[] = {
      {"compression after encryption",
       [&](auto& b) { b.add(aes_256_gcm({.recipients = {key}})).add(zstd()); }, "adapipe.zstd"},
      {"two ciphers",
       [&](auto& b) {
         b.add(aes_256_gcm({.recipients = {key}})).add(chacha20_poly1305({.recipients = {key}}));
       },
       "ChaCha20-Poly1305"},
      {"no recipient", [&](auto& b) { b.add(zstd()).add(aes_256_gcm({})); }, "AES-256-GCM"},
      {"two passphrases",
       [&](auto& b) {
         b.add(aes_256_gcm({.recipients = {pass, pass}}));
       },
       "AES-256-GCM"},
      {"65 recipients",
       [&](auto& b) {
         b.add(aes_256_gcm({.recipients = std::vector<Recipient>(65, Recipient(key))}));
       },
       "AES-256-GCM"},
      {"a stage that cannot be undone",
       [&](auto& b) {
         b.add(make_stage("test.one-way",
                          [](const ChunkInfo&, auto, auto&) { return Outcome::unchanged; },
                          {.reversible = false}));
       },
       "test.one-way"},
      {"a cipher without a container",
       [&](auto& b) {
         b.add(zstd()).add(aes_256_gcm({.recipients = {key}})).container(Container::none);
       },
       "AES-256-GCM"},
      {"a cipher in a .zst file",
       [&](auto& b) {
         b.container(Container::zstd_seekable).add(zstd()).add(aes_256_gcm({.recipients = {key}}));
       },
       "AES-256-GCM"},
      {"zstd twice in a .zst file",
       [&](auto& b) { b.container(Container::zstd_seekable).add(zstd()).add(zstd()); },
       "adapipe.zstd"},
      {"another stage in a .zst file",
       [&](auto& b) { b.container(Container::zstd_seekable).add(xor_stage()).add(zstd()); },
       "test.xor"},
      {"a stage that calls itself zstd in a .zst file",
       [&](auto& b) {
         b.container(Container::zstd_seekable)
             .add(make_stage("adapipe.zstd",
                             [](const ChunkInfo&, auto, auto&) { return Outcome::unchanged; }));
       },
       "adapipe.zstd"},
      {"no stage in a .zst file", [&](auto& b) { b.container(Container::zstd_seekable); },
       std::nullopt},
      {"an empty stage id",
       [&](auto& b) {
         b.add(make_stage("", [](const ChunkInfo&, auto, auto&) { return Outcome::unchanged; }));
       },
       ""},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Pipeline::Builder builder;
    c.add(builder);
    const Error error = thrown_by([&] { (void)builder.build(); });
    CHECK(error.kind() == errc::invalid_pipeline);
    CHECK(error.stage() == c.stage);
  }
}

TEST_CASE("a cipher, a pipeline or a registry that was moved from is still what it was") {
  Cipher cipher = aes_256_gcm({.recipients = {SharedKey::generate()}});
  const Cipher moved_cipher = std::move(cipher);
  REQUIRE(cipher.shared_backend() == moved_cipher.shared_backend());
  CHECK(cipher.recipients().size() == 1);

  Pipeline pipeline = Pipeline::Builder().add(cipher).build();
  const Pipeline moved_pipeline = std::move(pipeline);
  REQUIRE(&pipeline.plan() == &moved_pipeline.plan());

  StageRegistry registry;
  const StageRegistry moved_registry = std::move(registry);
  CHECK(registry.contains("adapipe.zstd"));
}

TEST_CASE("17 stages are more than a container holds, 16 are not") {
  Pipeline::Builder builder;
  for (int i = 0; i < 16; ++i) builder.add(xor_stage());
  CHECK_NOTHROW(builder.build());
  builder.add(xor_stage());
  CHECK(thrown_kind([&] { (void)builder.build(); }) == errc::invalid_pipeline);
}

TEST_CASE(
    "the adaptive chunk size gives every worker the same number of chunks, within its bounds") {
  CHECK(adaptive_chunk_bytes(0, 2) == kMiB / 4);
  CHECK(adaptive_chunk_bytes(kMiB, 2) == kMiB / 4);
  CHECK(adaptive_chunk_bytes(16 * kMiB, 2) == 4 * kMiB);
  CHECK(adaptive_chunk_bytes(16 * kMiB, 64) == kMiB / 4);
  CHECK(adaptive_chunk_bytes(18 * kMiB, 2) == 3 * kMiB);
  CHECK(adaptive_chunk_bytes(18 * kMiB + 1, 2) == 3 * kMiB + 64 * 1024);
  CHECK(adaptive_chunk_bytes(1000 * kMiB, 2) == 4 * kMiB);
  CHECK(adaptive_chunk_bytes(1000 * kMiB, 64) == 63 * 64 * 1024);
  CHECK(adaptive_chunk_bytes(1025 * kMiB, 64) == 3 * kMiB + 4 * 64 * 1024);
  CHECK(adaptive_chunk_bytes(UINT64_MAX, 64) == 4 * kMiB);
  CHECK(adaptive_chunk_bytes(std::nullopt, 2) == kMiB);
}

TEST_CASE("an adaptive chunk is as large as the budget has room for, beside the list of all") {
  const Pipeline pipeline = Pipeline::Builder().build();
  const auto chunk_mib = [&](std::uint64_t plain_mib, std::size_t budget_bytes) {
    return affordable_chunk_bytes(pipeline.plan(), plain_mib * kMiB, 1, budget_bytes) /
           double{kMiB};
  };
  const auto one_of = [&](std::uint64_t kib) {
    return chunk_cost(pipeline.plan(), ChunkSize::from_kib(kib), 1).bytes_for(1);
  };
  CHECK(chunk_mib(100, one_of(4096)) == 4);
  CHECK(chunk_mib(100, one_of(4096) - 1) == 2);
  CHECK(chunk_mib(100, one_of(512) - 1) == 0.25);
  CHECK(chunk_mib(100, 0) == 0.25);
  // 1 TiB: 262144 chunks of 4 MiB, of which each takes 32 bytes of the list.
  constexpr std::size_t kList = 262'144 * 32 - 256 * 1024;
  constexpr std::uint64_t kTiB = std::uint64_t{1} << 20;
  CHECK(chunk_mib(kTiB, one_of(4096) + kList) == 4);
  CHECK(chunk_mib(kTiB, one_of(4096) + kList - 1) == 0.25);
}

TEST_CASE("a registry refuses a taken id and names an unknown one") {
  StageRegistry registry;
  CHECK(registry.contains("adapipe.zstd"));
  const StageRegistry before = registry;
  registry.add("test.xor", [](auto) { return xor_stage(); });
  CHECK(registry.contains("test.xor"));
  CHECK_FALSE(before.contains("test.xor"));
  CHECK(thrown_kind([&] { registry.add("test.xor", [](auto) { return xor_stage(); }); }) ==
        errc::already_exists);
  const Error error = thrown_by([&] { (void)registry.make({.id = "org.example.lost"}); });
  CHECK(error.kind() == errc::unknown_stage);
  CHECK(error.stage() == "org.example.lost");
}

}  // namespace adapipe
