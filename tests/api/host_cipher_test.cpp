#include <adapipe/adapipe.hpp>
#include <adapipe/backend.hpp>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>

#include "cipher/openssl_aead.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/round_trip.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;

/// A host's AEAD, in truth one of OpenSSL's, in which things can be made to go wrong.
class HostAead final : public CipherBackend {
 public:
  struct Traits {
    std::uint16_t id = 0x8000;
    std::size_t key_bytes = 32;
    bool makes_workers = true;
    std::uint64_t fails_at = UINT64_MAX;  // the number of the call on one worker, both ways
    bool throws_a_number = false;         // and no exception
    std::size_t good_workers = 0;         // that many are made first, and do not fail
  };
  explicit HostAead(Traits traits) : traits_(traits) {}
  std::string name() const override { return "host's AEAD"; }
  std::uint16_t id() const override { return traits_.id; }
  std::size_t key_bytes() const override { return traits_.key_bytes; }
  std::unique_ptr<CipherWorker> make_worker(std::span<const std::byte> key) const override {
    struct Worker final : CipherWorker {
      void seal(std::span<const std::byte, 12> nonce, std::span<const std::byte> aad,
                std::span<const std::byte> in, std::byte* out,
                std::span<std::byte, 16> tag) override {
        count();
        inner->seal(nonce, aad, in, out, tag);
      }
      bool open(std::span<const std::byte, 12> nonce, std::span<const std::byte> aad,
                std::span<const std::byte> in, std::byte* out,
                std::span<const std::byte, 16> tag) override {
        count();
        return inner->open(nonce, aad, in, out, tag);
      }
      void count() {
        if (calls++ != fails_at) return;
        if (throws_a_number) throw 7;
        throw std::runtime_error("no luck");
      }
      std::unique_ptr<CipherWorker> inner;
      std::uint64_t fails_at = 0;
      bool throws_a_number = false;
      std::uint64_t calls = 0;
    };
    if (!traits_.makes_workers) return nullptr;
    auto worker = std::make_unique<Worker>();
    worker->inner = openssl_aead(key.size() == 16 ? kAes128Gcm : kAes256Gcm)->make_worker(key);
    worker->fails_at = workers_++ < traits_.good_workers ? UINT64_MAX : traits_.fails_at;
    worker->throws_a_number = traits_.throws_a_number;
    return worker;
  }

 private:
  const Traits traits_;
  mutable std::atomic<std::size_t> workers_{0};
};

std::shared_ptr<const CipherBackend> host_aead(HostAead::Traits traits = {}) {
  return std::make_shared<HostAead>(traits);
}

StageRegistry registry_with(const std::shared_ptr<const CipherBackend>& cipher) {
  StageRegistry registry;
  registry.add(cipher);
  return registry;
}

Pipeline pipeline_with(const std::shared_ptr<const CipherBackend>& cipher, const SharedKey& key,
                       const Runtime& runtime = Runtime::serial()) {
  return Pipeline::Builder()
      .add(zstd())
      .add(Cipher(cipher, {.recipients = {key}}))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .runtime(runtime)
      .build();
}

/// All that opens a container, with what it says of the plain bytes.
struct Opening {
  const char* name;
  std::function<Bytes(const Bytes& sealed, const SharedKey& key, const StageRegistry& registry)>
      plain_of;
};

const std::vector<Opening>& openings() {
  static const std::vector<Opening> all{
      {"restore",
       [](const Bytes& sealed, const SharedKey& key, const StageRegistry& registry) {
         Bytes back;
         restore(Source::memory(sealed), Sink::memory(back),
                 {.identities = {key}, .registry = registry});
         return back;
       }},
      {"Reader",
       [](const Bytes& sealed, const SharedKey& key, const StageRegistry& registry) {
         const auto reader =
             Reader::open(Source::memory(sealed), {.identities = {key}, .registry = registry});
         CHECK(reader.info().cipher == "host's AEAD");
         Bytes back(static_cast<std::size_t>(reader.size()));
         CHECK(reader.read_at(0, back) == back.size());
         return back;
       }},
      {"salvage",
       [](const Bytes& sealed, const SharedKey& key, const StageRegistry& registry) {
         Bytes back;
         salvage(Source::memory(sealed), Sink::memory(back),
                 {.identities = {key}, .registry = registry});
         return back;
       }},
      {"rekey",
       [](const Bytes& sealed, const SharedKey& key, const StageRegistry& registry) {
         Bytes rekeyed, back;
         const SharedKey other = SharedKey::generate();
         rekey(Source::memory(sealed), Sink::memory(rekeyed),
               {.identities = {key}, .add = {other}, .remove_all = true, .registry = registry});
         restore(Source::memory(rekeyed), Sink::memory(back),
                 {.identities = {other}, .registry = registry});
         return back;
       }},
  };
  return all;
}

}  // namespace

TEST_CASE("a cipher of the host's own opens wherever it is registered, and is named elsewhere") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(3 * kChunk + 5, 1);
  for (const HostAead::Traits& traits :
       {HostAead::Traits{.id = 0x8000}, HostAead::Traits{.id = 0xFFFF, .key_bytes = 16}})
    for (const Opening& opening : openings()) {
      INFO(opening.name << ", cipher " << traits.id);
      const auto cipher = host_aead(traits);
      Bytes sealed;
      const Report made =
          pipeline_with(cipher, key).process(Source::memory(plain), Sink::memory(sealed));
      CHECK(made.stages.back().name == "host's AEAD");
      CHECK(opening.plain_of(sealed, key, registry_with(cipher)) == plain);

      const Error error = thrown_by([&] { (void)opening.plain_of(sealed, key, {}); });
      CHECK(error.kind() == errc::unsupported_version);
      CHECK_THAT(std::string(error.what()),
                 Catch::Matchers::Contains("cipher " + std::to_string(traits.id)) &&
                     Catch::Matchers::Contains("StageRegistry::add"));
      CHECK(inspect(Source::memory(sealed)).cipher == "cipher " + std::to_string(traits.id));
    }
}

TEST_CASE("a cipher that fails ends a salvage, and makes no loss of what is there") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(3 * kChunk, 1);
  Bytes sealed, back;
  pipeline_with(host_aead(), key).process(Source::memory(plain), Sink::memory(sealed));
  for (const std::size_t good_workers :
       {0u, 1u})  // the second one decodes what the first has found
    for (const std::uint64_t fails_at : {0u, 1u, 2u}) {
      const auto cipher = host_aead({.fails_at = fails_at, .good_workers = good_workers});
      CHECK(thrown_kind([&] {
              salvage(Source::memory(sealed), Sink::memory(back),
                      {.identities = {key}, .registry = registry_with(cipher)});
            }) == errc::stage_failed);
      CHECK(back.empty());
    }
}

TEST_CASE("another cipher under the same number opens nothing") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(3 * kChunk, 1);
  Bytes sealed, back;
  pipeline_with(host_aead(), key).process(Source::memory(plain), Sink::memory(sealed));
  const StageRegistry other = registry_with(host_aead({.key_bytes = 16}));
  CHECK(thrown_kind([&] {
          restore(Source::memory(sealed), Sink::memory(back),
                  {.identities = {key}, .registry = other});
        }) == errc::corrupt);
  CHECK(back.empty());
}

TEST_CASE("build() and the registry refuse a cipher that is not the host's to give") {
  const SharedKey key = SharedKey::generate();
  for (const HostAead::Traits& traits :
       {HostAead::Traits{.id = 0}, HostAead::Traits{.id = kAes256Gcm},
        HostAead::Traits{.id = 0x7FFF}, HostAead::Traits{.key_bytes = 0},
        HostAead::Traits{.key_bytes = 24}, HostAead::Traits{.key_bytes = 64}}) {
    INFO("cipher " << traits.id << ", " << traits.key_bytes << " bytes");
    const Error built = thrown_by([&] { (void)pipeline_with(host_aead(traits), key); });
    CHECK(built.kind() == errc::invalid_pipeline);
    CHECK(built.stage() == "host's AEAD");
    const Error added = thrown_by([&] { (void)registry_with(host_aead(traits)); });
    CHECK(added.kind() == errc::invalid_argument);
    CHECK(added.stage() == "host's AEAD");
  }
  StageRegistry registry = registry_with(host_aead());
  CHECK(thrown_kind([&] { registry.add(host_aead()); }) == errc::already_exists);
  CHECK(thrown_kind([&] { registry.add(nullptr); }) == errc::invalid_argument);
}

TEST_CASE(
    "a cipher that throws or makes no workers fails by its name, at chunks and at the index") {
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(3 * kChunk, 1);
  Bytes sealed, back;
  for (const NamedRuntime& runtime : test_runtimes())
    for (const int kind : {0, 1, 2, 3}) {
      const bool at_index = kind % 2 == 1, throws_a_number = kind >= 2;
      INFO(runtime.name << (at_index ? ", index" : ", chunk") << (throws_a_number ? ", 7" : ""));
      // With no chunk, the index is the first that is sealed.
      const auto failing = host_aead({.fails_at = 0, .throws_a_number = throws_a_number});
      const Error error = thrown_by([&] {
        pipeline_with(failing, key, runtime.runtime)
            .process(Source::memory(at_index ? std::span<const std::byte>() : plain),
                     Sink::memory(sealed));
      });
      CHECK(error.kind() == errc::stage_failed);
      CHECK(error.stage() == "host's AEAD");
      CHECK(error.chunk().has_value() == !at_index);

      pipeline_with(host_aead(), key)
          .process(Source::memory(at_index ? std::span<const std::byte>() : plain),
                   Sink::memory(sealed));
      const Error back_error = thrown_by([&] {
        restore(
            Source::memory(sealed), Sink::memory(back),
            {.identities = {key}, .registry = registry_with(failing), .runtime = runtime.runtime});
      });
      CHECK(back_error.kind() == errc::stage_failed);
      CHECK(back_error.stage() == "host's AEAD");
    }
  const Error error = thrown_by([&] {
    pipeline_with(host_aead({.makes_workers = false}), key)
        .process(Source::memory(plain), Sink::memory(sealed));
  });
  CHECK(error.kind() == errc::stage_failed);
  CHECK(error.stage() == "host's AEAD");
}

}  // namespace adapipe
