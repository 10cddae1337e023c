#include <fcntl.h>
#include <unistd.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "container/header.hpp"
#include "container/key_schedule.hpp"
#include "io/posix.hpp"
#include "keys/passphrase.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/fixed_random.hpp"
#include "support/memory_scan.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr ScryptCost kCheap{.log2_n = 10, .r = 8, .p = 1};
constexpr std::size_t kChunk = 4096;

/// What the tests keep secret comes from a seed, so that nothing but the library ever holds it.
template <std::size_t N>
SecretArray<N> secret(std::uint32_t seed) {
  SecretArray<N> made;
  SeededRandom(seed).fill(made.bytes());
  return made;
}

SecretArray<64> hex_text(const SecretArray<32>& key) {
  SecretArray<64> text;
  for (std::size_t i = 0; i < 64; ++i) {
    const auto b = std::to_integer<unsigned>(key.bytes()[i / 2]);
    text.bytes()[i] = std::byte("0123456789abcdef"[i % 2 == 0 ? b >> 4 : b & 15]);
  }
  return text;
}

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

Header header_of(const Bytes& sealed) {
  const ByteSpan preamble = ByteSpan(sealed).first(layout::kPreambleBytes);
  return decode_header(ByteSpan(sealed).first(preamble.size() + header_rest_bytes(preamble) -
                                              layout::kHeaderTagBytes));
}

SecretArray<32> wrap_key(const Slot& slot, ByteSpan slot_secret, FileSalt file_salt) {
  const ByteSpan parameters = ByteSpan(slot.body).first(slot.body.size() - 48);
  ByteWriter info;
  info.put(as_bytes("adapipe/1 slot ")).put(slot.type).put(sha256({parameters}));
  SecretArray<32> key;
  hkdf_sha256(slot_secret, file_salt, info.bytes(), key.bytes());
  return key;
}

void write_new(const std::filesystem::path& path, ByteSpan bytes) {
  const auto file = Descriptor::owned(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  write_fully_at(file.get(), 0, bytes, path.native());
}

/// A shared key, a passphrase and file keys, all of them known to the tests, with which everything
/// is done that can be done with keys. Collects what the errors say.
class Secrets {
 public:
  explicit Secrets(std::uint32_t seed) noexcept : seed_(seed) {}

  SharedKey shared_key() const { return SharedKey::from_bytes(key_bytes().bytes()); }
  Passphrase passphrase() const { return cheap_passphrase(passphrase_text().bytes()); }
  FileKey file_key() const { return secret<32>(seed_ + 2); }

  /// The ciphers with which a container can be made for the key and the passphrase.
  std::vector<Cipher> ciphers() const {
    const CipherOptions options{.recipients = {shared_key(), passphrase()}};
    return {aes_256_gcm(options), chacha20_poly1305(options), aes_128_gcm(options)};
  }

  /// Always with the same file key, so that it is known what must not be found.
  Bytes process(const Cipher& cipher, const Runtime& runtime,
                std::shared_ptr<const Stage> stage = xor_stage(),
                ProcessOptions options = {}) const {
    SeededRandom random(seed_ + 2);
    const Pipeline pipeline = Pipeline::Builder()
                                  .add(std::move(stage))
                                  .add(cipher)
                                  .chunk_size(ChunkSize::from_bytes(kChunk))
                                  .runtime(runtime)
                                  .build();
    return process_with_keys_of(random, pipeline, Source::owned(plain_bytes()), std::move(options));
  }

  /// The secrets of the container that process() makes with `cipher`, by FORMAT.md.
  std::vector<Needle> needles(const Cipher& cipher) const;
  /// With any cipher.
  std::vector<Needle> needles() const;

  /// Everything that is done with keys, by the serial engine and the parallel one.
  void use();
  const std::vector<std::string>& messages() const noexcept { return messages_; }

 private:
  SecretArray<32> key_bytes() const { return secret<32>(seed_); }
  SecretArray<40> passphrase_text() const { return secret<40>(seed_ + 1); }
  static Passphrase cheap_passphrase(ByteSpan text) {
    return PassphraseAccess::make(as_text(text), kCheap);
  }

  void use_key_files();
  void use_container(const Cipher& cipher, const Runtime& runtime) const;
  void fail_to_process(const Cipher& cipher, const Runtime& runtime);
  void fail_to_open(const Cipher& cipher, const Runtime& runtime);

  template <typename Body>
  void expect_error(errc expected, Body&& body) {
    const Error error = thrown_by(std::forward<Body>(body));
    INFO(error.what());
    CHECK(error.kind() == expected);
    messages_.emplace_back(error.what());
  }

  const std::uint32_t seed_;
  std::vector<std::string> messages_;
};

std::vector<Needle> Secrets::needles(const Cipher& cipher) const {
  const Header header = header_of(process(cipher, Runtime::serial()));
  const auto key = key_bytes();
  const auto text = passphrase_text();
  const KeySchedule schedule(file_key(), header.file_salt, {});
  ByteWriter salt;
  salt.put(as_bytes("adapipe/1 scrypt")).put(ByteSpan(header.slots.at(1).body).first(32));
  SecretArray<32> stretched;
  scrypt(text.bytes(), salt.bytes(), kCheap, stretched.bytes());

  std::vector<Needle> needles;
  needles.emplace_back("the shared key", key.bytes());
  needles.emplace_back("the shared key's hex text", hex_text(key).bytes());
  needles.emplace_back("the passphrase", text.bytes());
  needles.emplace_back("the passphrase's stretched secret", stretched.bytes());
  needles.emplace_back("the shared key's wrap key",
                       wrap_key(header.slots.at(0), key.bytes(), header.file_salt).bytes());
  needles.emplace_back("the passphrase's wrap key",
                       wrap_key(header.slots.at(1), stretched.bytes(), header.file_salt).bytes());
  needles.emplace_back("the file key", file_key().bytes());
  needles.emplace_back("the header key", schedule.header_key().bytes());
  needles.emplace_back("the record key", schedule.record_key(cipher.backend()).bytes());
  return needles;
}

std::vector<Needle> Secrets::needles() const {
  std::vector<Needle> all;
  for (const Cipher& cipher : ciphers())
    for (Needle& needle : needles(cipher)) all.push_back(std::move(needle));
  return all;
}

void Secrets::use() {
  use_key_files();
  for (const Runtime& runtime : {Runtime::serial(), Runtime({.worker_threads = 2})})
    for (const Cipher& cipher : ciphers()) {
      use_container(cipher, runtime);
      fail_to_process(cipher, runtime);
      fail_to_open(cipher, runtime);
    }
}

/// Good ones and bad ones.
void Secrets::use_key_files() {
  const TempDir folder;
  const auto load = [&] { SharedKey::load(folder / "key"); };
  shared_key().save(folder / "key");
  load();
  expect_error(errc::already_exists, [&] { shared_key().save(folder / "key"); });
  expect_error(errc::io_error, [&] { shared_key().save("/dev/null/key"); });
  std::filesystem::resize_file(folder / "key", 63);
  expect_error(errc::invalid_argument, load);

  auto text = hex_text(key_bytes());
  text.bytes().back() = std::byte{'g'};
  write_new(folder / "key", text.bytes());
  expect_error(errc::invalid_argument, load);

  write_new(folder / "key", key_bytes().bytes());
  load();
  write_new(folder / "key", secret<33>(seed_).bytes());
  expect_error(errc::invalid_argument, load);
}

void Secrets::use_container(const Cipher& cipher, const Runtime& runtime) const {
  const Bytes sealed = process(cipher, runtime);
  for (const Identity& identity : ListOf<Identity>{shared_key(), passphrase()}) {
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
  expect_error(errc::stage_failed, [&] { process(cipher, runtime, fails); });

  std::stop_source stop;
  const auto stops = make_stage("test.stops", [&stop](const ChunkInfo& chunk, auto in, auto& out) {
    if (chunk.index == 1) stop.request_stop();
    return xor_bytes(in, out, std::byte{1});
  });
  expect_error(errc::cancelled,
               [&] { process(cipher, runtime, stops, {.stop = stop.get_token()}); });
}

void Secrets::fail_to_open(const Cipher& cipher, const Runtime& runtime) {
  const Bytes sealed = process(cipher, runtime);
  const auto cannot_restore = [&](errc expected, const Bytes& bytes,
                                  const RestoreOptions& options) {
    expect_error(expected, [&] { restored(bytes, options); });
  };
  const RestoreOptions right = restore_options(shared_key(), runtime);
  const auto wrong_key = SharedKey::generate();
  const auto wrong_passphrase = cheap_passphrase(secret<40>(seed_ + 3).bytes());
  cannot_restore(errc::wrong_key, sealed, restore_options(wrong_key, runtime));
  cannot_restore(errc::wrong_key, sealed, restore_options(wrong_passphrase, runtime));
  RestoreOptions other_context = right;
  other_context.context = from_text("another");
  cannot_restore(errc::wrong_key, sealed, other_context);

  Bytes other = sealed;
  other[other.size() / 2] ^= std::byte{1};
  cannot_restore(errc::corrupt, other, right);
  expect_error(errc::corrupt, [&] { read_by_reader(other, shared_key()); });
  other.resize(other.size() / 2);
  cannot_restore(errc::truncated, other, right);
  other = sealed;
  const std::size_t head_bytes =
      layout::kPreambleBytes + header_rest_bytes(ByteSpan(sealed).first(layout::kPreambleBytes));
  other[head_bytes - 1] ^= std::byte{1};
  cannot_restore(errc::wrong_key, other, right);
}

}  // namespace

TEST_CASE("no secret is left in the memory of the process, whatever went wrong") {
  const Watchdog watchdog(std::chrono::seconds(240));
  if (std::getenv("LD_BIND_NOW") == nullptr) {
    WARN("skipped without LD_BIND_NOW=1, which ctest sets: see find_in_memory()");
    return;
  }
  // On a thread of its own, whose dead stack nothing overwrites.
  Secrets secrets(1);
  std::thread([&] { secrets.use(); }).join();
  CHECK(describe(find_in_memory(secrets.needles())) == std::vector<std::string>());
}

TEST_CASE("a forgotten copy of a secret is found, also a part of it") {
  const Secrets secrets(1);
  const std::vector<Needle> needles = secrets.needles();
  const SharedKey key = secrets.shared_key();
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
  const Cipher cipher = secrets.ciphers().front();  // with a SharedKey and a Passphrase
  const std::vector<Needle> needles = secrets.needles(cipher);
  const FileKey file_key = secrets.file_key();
  const KeySchedule schedule(file_key,
                             header_of(secrets.process(cipher, Runtime::serial())).file_salt, {});
  const SecretBytes header_key = schedule.header_key();
  const SecretBytes record_key = schedule.record_key(cipher.backend());

  std::vector<std::string> found;
  for (const Finding& finding : find_in_memory(needles)) {
    INFO(finding.secret << " in " << finding.mapping.name);
    found.push_back(finding.secret);
    if (finding.mapping.flags_known) CHECK_FALSE(finding.mapping.dumped);
  }
  for (const char* secret :
       {"the shared key", "the passphrase", "the passphrase's stretched secret", "the file key",
        "the header key", "the record key"}) {
    INFO(secret);
    CHECK(std::ranges::count(found, secret) >= 1);
  }
}

TEST_CASE("no message tells a secret") {
  Secrets secrets(1);
  secrets.use();
  CHECK(secrets.messages().size() > 50);
  for (const Needle& needle : secrets.needles())
    for (const std::string& message : secrets.messages()) {
      INFO(needle.name() << " in: " << message);
      CHECK_FALSE(needle.is_in(as_bytes(message)));
    }
}

}  // namespace adapipe
