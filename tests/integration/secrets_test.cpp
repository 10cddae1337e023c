#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "container/key_schedule.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/fixed_random.hpp"
#include "support/key_providers.hpp"
#include "support/known_secrets.hpp"
#include "support/memory_scan.hpp"
#include "support/round_trip.hpp"
#include "support/secret_checks.hpp"
#include "support/stages.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;

Bytes plain_bytes() { return compressible_bytes(12 * kChunk, 1); }

RestoreOptions restore_options(Identity identity, const Runtime& runtime) {
  return {.identities = {std::move(identity)},
          .registry = registry_of({xor_stage()}),
          .runtime = runtime};
}

Bytes restored(const Bytes& sealed, RestoreOptions options) {
  Bytes plain;
  restore(Source::memory(sealed), Sink::memory(plain), std::move(options));
  return plain;
}

Bytes read_by_reader(const Bytes& sealed, Identity identity) {
  const Reader reader =
      Reader::open(Source::memory(sealed),
                   {.identities = {std::move(identity)}, .registry = registry_of({xor_stage()})});
  Bytes plain(reader.size());
  reader.read_at(0, plain);
  return plain;
}

BeforeCall out_of_luck_at(std::size_t failing) {
  return [failing](std::size_t call) {
    if (call == failing) throw std::runtime_error("out of luck");
  };
}

std::shared_ptr<const KeyProvider> service_that_is_down() {
  return std::make_shared<const CallableProvider>(
      [](auto, const auto&) -> Bytes { throw std::runtime_error("service down"); },
      [](auto, const auto&) { return std::nullopt; });
}

/// Keys of every kind and file keys, all of them known to the tests, with which everything is done
/// that can be done with keys. Collects what the errors say.
class Secrets {
 public:
  explicit Secrets(std::uint32_t seed)
      : keys_("the", seed), new_keys_("the new", seed + 10), file_seed_(seed + 20) {}

  const KnownKeys& keys() const noexcept { return keys_; }
  FileKey file_key() const { return seeded_secret<32>(file_seed_); }

  /// The ciphers with which a container can be made for the keys.
  std::vector<Cipher> ciphers() const {
    const CipherOptions options{.recipients = keys_.recipients()};
    return {aes_256_gcm(options), chacha20_poly1305(options), aes_128_gcm(options)};
  }

  /// Always with the same file key, so that it is known what must not be found.
  Bytes process(const Cipher& cipher, const Runtime& runtime,
                std::shared_ptr<const Stage> stage = xor_stage(),
                ProcessOptions options = {}) const {
    SeededRandom random(file_seed_);
    const Pipeline pipeline = Pipeline::Builder()
                                  .add(std::move(stage))
                                  .add(cipher)
                                  .chunk_size(ChunkSize::from_bytes(kChunk))
                                  .runtime(runtime)
                                  .build();
    return process_with_keys_of(random, pipeline, Source::owned(plain_bytes()), std::move(options));
  }

  /// The secrets of the container that process() makes with `cipher`.
  std::vector<Needle> needles(const Cipher& cipher) const;
  /// With any cipher, and of all that was rekeyed.
  std::vector<Needle> needles() const;

  /// Everything that is done with keys, by the serial engine and the parallel one.
  void use_containers();
  void fail_with_containers();
  void rekey_containers();
  void fail_to_rekey();

  const Messages& messages() const noexcept { return messages_; }

 private:
  void use_container(const Cipher& cipher, const Runtime& runtime) const;
  void fail_to_process(const Cipher& cipher, const Runtime& runtime);
  void fail_to_open(const Cipher& cipher, const Runtime& runtime);

  template <typename Body>
  void for_each_way(Body&& body) {
    for (const Runtime& runtime : {Runtime::serial(), Runtime({.worker_threads = 2})})
      for (const Cipher& cipher : ciphers()) body(cipher, runtime);
  }

  const KnownKeys keys_;
  const KnownKeys new_keys_;  // what containers are rekeyed for
  const std::uint32_t file_seed_;
  std::vector<Bytes> rekeyed_;
  Messages messages_;
};

std::vector<Needle> Secrets::needles(const Cipher& cipher) const {
  const Bytes sealed = process(cipher, Runtime::serial());
  std::vector<Needle> needles;
  keys_.add_needles(needles);
  keys_.add_slot_needles(sealed, needles);
  add_container_needles(sealed, file_key(), needles);
  add_ephemeral_needle(file_seed_, needles);
  return needles;
}

std::vector<Needle> Secrets::needles() const {
  std::vector<Needle> all;
  for (const Cipher& cipher : ciphers())
    for (Needle& needle : needles(cipher)) all.push_back(std::move(needle));
  new_keys_.add_needles(all);
  for (const Bytes& sealed : rekeyed_) new_keys_.add_slot_needles(sealed, all);
  return all;
}

void Secrets::use_containers() {
  for_each_way(
      [&](const Cipher& cipher, const Runtime& runtime) { use_container(cipher, runtime); });
}

void Secrets::fail_with_containers() {
  for_each_way([&](const Cipher& cipher, const Runtime& runtime) {
    fail_to_process(cipher, runtime);
    fail_to_open(cipher, runtime);
  });
}

void Secrets::use_container(const Cipher& cipher, const Runtime& runtime) const {
  const Bytes sealed = process(cipher, runtime);
  for (const Identity& identity : keys_.identities()) {
    CHECK(restored(sealed, restore_options(identity, runtime)) == plain_bytes());
    CHECK(read_by_reader(sealed, identity) == plain_bytes());
    verify(Source::memory(sealed), restore_options(identity, runtime));
  }
  CHECK_FALSE(inspect(Source::memory(sealed)).authenticated);
}

/// What goes wrong once the keys are there.
void Secrets::fail_to_process(const Cipher& cipher, const Runtime& runtime) {
  const auto fails = make_stage("test.fails", [](const ChunkInfo& chunk, auto in, auto& out) {
    if (chunk.index == 5) throw std::runtime_error("out of luck");
    return xor_bytes(in, out, std::byte{1});
  });
  messages_.expect_error(errc::stage_failed, [&] { process(cipher, runtime, fails); });

  std::stop_source stop;
  const auto stops = make_stage("test.stops", [&stop](const ChunkInfo& chunk, auto in, auto& out) {
    if (chunk.index == 1) stop.request_stop();
    return xor_bytes(in, out, std::byte{1});
  });
  messages_.expect_error(errc::cancelled,
                         [&] { process(cipher, runtime, stops, {.stop = stop.get_token()}); });

  ListOf<Recipient> recipients = keys_.recipients();
  recipients.push_back(service_that_is_down());
  const Cipher unreachable(cipher.shared_backend(), {.recipients = std::move(recipients)});
  messages_.expect_error(errc::io_error, [&] { process(unreachable, runtime); });
}

void Secrets::fail_to_open(const Cipher& cipher, const Runtime& runtime) {
  const Bytes sealed = process(cipher, runtime);
  const auto cannot_restore = [&](errc expected, const Bytes& bytes,
                                  const RestoreOptions& options) {
    messages_.expect_error(expected, [&] { restored(bytes, options); });
  };
  const RestoreOptions right = restore_options(keys_.shared_key(), runtime);
  for (const Identity& wrong : new_keys_.identities())
    cannot_restore(errc::wrong_key, sealed, restore_options(wrong, runtime));
  for (const Identity& identity : keys_.identities()) {
    RestoreOptions other_context = restore_options(identity, runtime);
    other_context.context = from_text("another");
    cannot_restore(errc::wrong_key, sealed, other_context);
  }

  Bytes other = sealed;
  other[other.size() / 2] ^= std::byte{1};
  cannot_restore(errc::corrupt, other, right);
  messages_.expect_error(errc::corrupt, [&] { read_by_reader(other, keys_.shared_key()); });
  other.resize(other.size() / 2);
  cannot_restore(errc::truncated, other, right);
  other = sealed;
  const std::size_t head_bytes =
      layout::kPreambleBytes + header_rest_bytes(ByteSpan(sealed).first(layout::kPreambleBytes));
  other[head_bytes - 1] ^= std::byte{1};
  for (const Identity& identity : keys_.identities())
    cannot_restore(errc::wrong_key, other, restore_options(identity, runtime));
}

void Secrets::rekey_containers() {
  for (const Cipher& cipher : ciphers()) {
    const Bytes sealed = process(cipher, Runtime::serial());
    for (const Identity& identity : keys_.identities()) {
      Bytes& out = rekeyed_.emplace_back();
      rekey(Source::memory(sealed), Sink::memory(out),
            {.identities = {identity}, .add = new_keys_.recipients(), .remove_all = true});
      for (const Identity& added : new_keys_.identities())
        CHECK(restored(out, restore_options(added, Runtime::serial())) == plain_bytes());
    }
  }
}

/// What goes wrong once the file key is there.
void Secrets::fail_to_rekey() {
  const Bytes sealed = process(ciphers().front(), Runtime::serial());
  for (const Identity& identity : keys_.identities()) {
    const auto cannot_rekey = [&](errc expected, RekeyOptions options, BeforeCall before_read = {},
                                  BeforeCall before_write = {}) {
      options.identities = {identity};
      SinkFate fate;
      messages_.expect_error(expected, [&] {
        rekey(Source(std::make_unique<HookedSource>(sealed, true, before_read)),
              Sink(std::make_unique<HookedStreamSink>(fate, before_write)), std::move(options));
      });
      CHECK(fate.committed == 0);
    };
    const RekeyOptions good{.add = new_keys_.recipients(), .remove_all = true};
    RekeyOptions bad = good;
    bad.add.push_back(service_that_is_down());
    cannot_rekey(errc::io_error, bad);
    bad = good;
    bad.remove_all = false;  // two passphrases
    cannot_rekey(errc::invalid_argument, bad);
    bad = good;
    bad.max_index_memory_bytes = 1;
    cannot_rekey(errc::resource_exhausted, bad);
    bad = good;
    std::stop_source stop;
    bad.stop = stop.get_token();
    cannot_rekey(errc::cancelled, bad, {}, [&](std::size_t) { stop.request_stop(); });
    cannot_rekey(errc::io_error, good, {}, out_of_luck_at(0));
    cannot_rekey(errc::io_error, good, {}, out_of_luck_at(1));
    std::size_t reads = 0;
    rekey(Source(std::make_unique<HookedSource>(sealed, true, [&](std::size_t) { ++reads; })),
          Sink::discard(), {.identities = {identity}, .add = good.add, .remove_all = true});
    for (std::size_t read = 0; read < reads; ++read)
      cannot_rekey(errc::io_error, good, out_of_luck_at(read));
  }
}

}  // namespace

TEST_CASE("no secret is left in the memory of the process, whatever went wrong") {
  const Watchdog watchdog(std::chrono::seconds(240));
  struct Use {
    const char* name;
    void (Secrets::*part)();
  };
  const Use uses[] = {{"containers", &Secrets::use_containers},
                      {"containers, with errors", &Secrets::fail_with_containers},
                      {"rekeying", &Secrets::rekey_containers},
                      {"rekeying, with errors", &Secrets::fail_to_rekey}};
  Secrets secrets(1);
  for (const Use& use : uses) {
    INFO(use.name);
    check_leaves_nothing([&] { (secrets.*use.part)(); }, [&] { return secrets.needles(); });
  }
}

TEST_CASE("a forgotten copy of a secret is found, also a part of it") {
  const Secrets secrets(1);
  const std::vector<Needle> needles = secrets.needles();
  const SharedKey key = secrets.keys().shared_key();
  const Bytes planted(key.bytes().begin() + 16, key.bytes().begin() + 24);
  const auto is_planted = [&](const Finding& finding) {
    const auto at = reinterpret_cast<std::uintptr_t>(planted.data());
    return finding.secret == "the shared key" && finding.mapping.begin <= at &&
           at < finding.mapping.end;
  };
  CHECK(std::ranges::count_if(find_in_memory(needles), is_planted) == 1);
}

TEST_CASE("living secrets are only where core dumps do not look") {
  const Secrets secrets(1);
  const Cipher cipher = secrets.ciphers().front();  // with the SharedKey and the Passphrase
  const std::vector<Needle> needles = secrets.needles(cipher);
  const X25519Identity identity = secrets.keys().identity();
  const FileKey file_key = secrets.file_key();
  const Bytes sealed = secrets.process(cipher, Runtime::serial());
  const KeySchedule schedule(file_key, header_of(sealed).file_salt, {});
  const SecretBytes header_key = schedule.header_key();
  const SecretBytes record_key = schedule.record_key(cipher.backend());

  std::vector<std::string> found;
  for (const Finding& finding : find_in_memory(needles)) {
    INFO(finding.secret << " in " << finding.mapping.name);
    found.push_back(finding.secret);
    if (finding.mapping.flags_known) CHECK_FALSE(finding.mapping.dumped);
  }
  for (const char* secret :
       {"the shared key", "the X25519 private key", "the passphrase",
        "the passphrase's stretched secret", "the file key", "the header key", "the record key"}) {
    INFO(secret);
    CHECK(std::ranges::count(found, secret) >= 1);
  }
}

TEST_CASE("no message tells a secret") {
  Secrets secrets(1);
  secrets.fail_with_containers();
  secrets.fail_to_rekey();
  CHECK(secrets.messages().count() > 100);
  secrets.messages().check_without(secrets.needles());
}

}  // namespace adapipe
