#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "api/rekey_fixture.hpp"
#include "keys/passphrase.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoint_kinds.hpp"
#include "support/key_providers.hpp"
#include "support/round_trip.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

Bytes restored(const Bytes& sealed, const Identity& identity,
               const std::vector<std::byte>& context = {}) {
  Bytes plain;
  restore(Source::memory(sealed), Sink::memory(plain),
          {.identities = {identity}, .context = context});
  return plain;
}

bool opens(const Bytes& sealed, const Identity& identity) {
  try {
    (void)Reader::open(Source::memory(sealed), {.identities = {identity}});
    return true;
  } catch (const Error& error) {
    if (error.kind() != errc::wrong_key) throw;
    return false;
  }
}

/// Someone of each kind who can be added and can open.
struct Someone {
  std::string name;
  Recipient recipient;
  Identity identity;
};

template <typename Key>
Someone someone(std::string name, const Key& key) {
  return {std::move(name), key, key};
}

/// Different people for different names.
std::vector<Someone> one_of_each_kind(const std::string& name) {
  std::vector<Someone> all = {
      someone("shared key", SharedKey::generate()),
      someone("scrypt", PassphraseAccess::make(name, ScryptCost{.log2_n = 10, .r = 8, .p = 1})),
      someone("PBKDF2", PassphraseAccess::make(name, KdfCost(Pbkdf2Cost{.iterations = 10}))),
      someone("X25519", X25519Identity::generate()),
      someone("provider", std::make_shared<MaskingProvider>(name, std::uint8_t{0x5A})),
  };
  try {
    all.push_back(
        someone("Argon2id", PassphraseAccess::make(name, KdfCost(Argon2idCost{8, 1, 1}))));
  } catch (const Error& error) {
    CHECK(error.kind() == errc::unsupported_version);  // OpenSSL before 3.2
  }
  return all;
}

}  // namespace

TEST_CASE("whoever is added opens, whoever is removed does not, and the records stay") {
  const Bytes plain = compressible_bytes(5 * kChunk + 5, 1);
  for (const Someone& first : one_of_each_kind("Ann")) {
    const SharedKey other = SharedKey::generate();
    const Bytes sealed = sealed_for({first.recipient, other}, plain);
    for (const Someone& second : one_of_each_kind("Bob")) {
      INFO(first.name << " then " << second.name);
      const auto check = [&](const Bytes& made) {
        CHECK(records_of(made) == records_of(sealed));
        CHECK(restored(made, second.identity) == plain);
        CHECK(verify(Source::memory(made), {.identities = {second.identity}}).chunks == 6);
      };
      const Bytes rotated = rekeyed(
          sealed, {.identities = {first.identity}, .add = {second.recipient}, .remove = {0}});
      check(rotated);
      CHECK_FALSE(opens(rotated, first.identity));
      CHECK(opens(rotated, other));

      const Bytes alone = rekeyed(
          sealed, {.identities = {first.identity}, .add = {second.recipient}, .remove_all = true});
      check(alone);
      CHECK_FALSE(opens(alone, first.identity));
      CHECK_FALSE(opens(alone, other));

      const Bytes removed = rekeyed(rotated, {.identities = {second.identity}, .remove = {0}});
      check(removed);
      CHECK_FALSE(opens(removed, other));
    }
    const SharedKey added = SharedKey::generate();
    const Bytes both = rekeyed(sealed, {.identities = {other}, .add = {added}});
    for (const Identity& identity : {Identity(other), Identity(added), first.identity})
      CHECK(restored(both, identity) == plain);
  }
}

TEST_CASE("what a container says of itself stays") {
  const SharedKey key = SharedKey::generate();
  const std::vector<std::byte> context = from_text("ctx");
  const Bytes plain = random_bytes(2 * kChunk, 1);
  const Bytes sealed = sealed_for({key}, plain, context);
  const Bytes made = rekeyed(
      sealed, {.identities = {key}, .add = {X25519Identity::generate()}, .context = context});
  CHECK(restored(made, key, context) == plain);
  CHECK_FALSE(opens(made, key));  // without the context
  const auto info =
      Reader::open(Source::memory(made), {.identities = {key}, .context = context}).info();
  CHECK(info.authenticated);
  CHECK(info.metadata == Metadata{{"name", "in.bin"}});
  CHECK(info.plain_bytes == plain.size());
  CHECK(info.chunk_bytes == kChunk);
  CHECK(info.stages.size() == 1);
  CHECK(info.slot_types == std::vector<std::uint16_t>{1, 5});
  CHECK(thrown_kind([&] { rekeyed(sealed, {.identities = {key}, .add = {key}}); }) ==
        errc::wrong_key);
}

TEST_CASE("containers of any size are copied to the last byte, and counted") {
  const SharedKey key = SharedKey::generate();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kSeveralBuffers}) {
    INFO(size);
    const Bytes plain = random_bytes(size, 1);
    const Bytes sealed = sealed_for({key}, plain);
    std::vector<Progress> progress;
    Bytes made;
    const Report report = rekey(
        Source::memory(sealed), Sink::memory(made),
        {.identities = {key}, .add = {key}, .on_progress = [&](auto p) { progress.push_back(p); }});
    CHECK(records_of(made) == records_of(sealed));
    CHECK(restored(made, key) == plain);
    CHECK(report.input_bytes == sealed.size());
    CHECK(report.output_bytes == made.size());
    CHECK(report.chunks == (size + kChunk - 1) / kChunk);
    CHECK(report.slot_type == 1);
    REQUIRE_FALSE(progress.empty());
    CHECK(progress.back().bytes_done == made.size());
    CHECK(progress.back().bytes_total == made.size());
    CHECK(progress.back().stored_bytes == made.size());
  }
}

TEST_CASE("removing a slot leaves room for the next one: the records do not move any more") {
  const SharedKey key = SharedKey::generate();
  const SharedKey other = SharedKey::generate();
  const Bytes sealed = sealed_for({key, other}, random_bytes(10, 1));
  const Bytes without = rekeyed(sealed, {.identities = {key}, .remove = {1}});
  CHECK(without.size() == sealed.size());
  const Bytes with = rekeyed(without, {.identities = {key}, .add = {SharedKey::generate()}});
  CHECK(with.size() == sealed.size());
}

TEST_CASE("every kind of source that is positional goes into every kind of sink") {
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  const Bytes plain = random_bytes(kSeveralBuffers, 1);
  const Bytes sealed = sealed_for({key}, plain);
  for (const SourceKind& source : source_kinds()) {
    if (!source.is_positional) continue;
    for (const SinkKind& sink : sink_kinds()) {
      INFO(source.name << " to " << sink.name);
      const Bytes made = sink.collect(dir.path(), [&](Sink to) {
        source.with(sealed, dir.path(), [&](Source from) {
          rekey(std::move(from), std::move(to), {.identities = {key}, .add = {key}});
        });
      });
      CHECK(restored(made, key) == plain);
    }
  }
}

TEST_CASE("a stream cannot be rekeyed: its index is at its end") {
  std::istringstream stream("whatever");
  CHECK(thrown_kind([&] { rekey(Source::from(stream), Sink::discard()); }) ==
        errc::invalid_argument);
}

TEST_CASE("a file can be rekeyed in its place, also through a link") {
  const TempDir dir;
  const SharedKey key = SharedKey::generate();
  const SharedKey other = SharedKey::generate();
  const Bytes plain = random_bytes(kSeveralBuffers, 1);
  write_file(dir / "a", sealed_for({key}, plain));
  std::filesystem::create_symlink("a", dir / "link");
  const FileSinkOptions replace{.overwrite = true, .durable = false};

  rekey(dir / "a", Sink::file(dir / "a", replace),
        {.identities = {key}, .add = {other}, .remove = {0}});
  CHECK(restored(read_file(dir / "a"), other) == plain);
  CHECK_FALSE(opens(read_file(dir / "a"), key));

  rekey(dir / "a", Sink::file(dir / "link", replace),
        {.identities = {other}, .add = {key}, .remove = {0}});
  CHECK(std::filesystem::is_symlink(dir / "link"));
  CHECK(restored(read_file(dir / "a"), key) == plain);

  CHECK(thrown_kind([&] {
          rekey(dir / "a", Sink::file(dir / "a"), {.identities = {key}, .add = {other}});
        }) == errc::already_exists);
  CHECK(restored(read_file(dir / "a"), key) == plain);
}

}  // namespace adapipe
