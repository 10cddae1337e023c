#include <pthread.h>

#include <adapipe/adapipe.hpp>
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "keys/passphrase.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/key_providers.hpp"
#include "support/round_trip.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

Passphrase cheap(std::string_view text, const KdfCost& cost = ScryptCost{.log2_n = 10}) {
  return PassphraseAccess::make(text, cost);
}

std::shared_ptr<const KeyProvider> kms(std::uint8_t mask = 7) {
  return std::make_shared<MaskingProvider>("org.test.kms", mask);
}

std::shared_ptr<const KeyProvider> broken_kms() {
  return std::make_shared<CallableProvider>(
      [](auto, const auto&) -> Bytes { throw std::runtime_error("no route to the service"); },
      [](auto, const auto&) -> std::optional<SharedKey> {
        throw std::runtime_error("no route to the service");
      });
}

/// Wraps as `callable`, so that broken_kms() is asked when reading.
std::shared_ptr<const KeyProvider> working_callable() {
  return std::make_shared<CallableProvider>(
      [](auto key, const auto&) { return Bytes(key.begin(), key.end()); }, nullptr);
}

/// Waits until it is stopped. `waiting` tells that it does.
std::shared_ptr<const KeyProvider> waiting_kms(std::latch& waiting) {
  const auto wait = [&waiting](const std::stop_token& stop) {
    std::latch stopped(1);
    const std::stop_callback on_stop(stop, [&] { stopped.count_down(); });
    waiting.count_down();
    stopped.wait();
    throw std::runtime_error("interrupted");
  };
  return std::make_shared<CallableProvider>(
      [wait](auto, const auto& stop) {
        wait(stop);
        return Bytes();
      },
      [wait](auto, const auto& stop) {
        wait(stop);
        return std::optional<SharedKey>();
      });
}

Pipeline pipeline_for(ListOf<Recipient> recipients, const Runtime& runtime = Runtime::serial()) {
  return Pipeline::Builder()
      .add(aes_256_gcm({.recipients = std::move(recipients)}))
      .chunk_size(ChunkSize::from_bytes(4096))
      .runtime(runtime)
      .build();
}

const Bytes kPlain = compressible_bytes(10'000, 1);

Bytes seal(const ListOf<Recipient>& recipients, const Bytes& context = {}) {
  Bytes sealed;
  pipeline_for(recipients)
      .process(Source::memory(kPlain), Sink::memory(sealed), {.context = context});
  return sealed;
}

/// Every way to open a container.
struct Opening {
  const char* name;
  std::function<void(const Bytes&, const ListOf<Identity>&, const Bytes& context)> run;
};

const Opening kOpenings[] = {
    {"restore, indexed",
     [](const Bytes& sealed, const auto& identities, const Bytes& context) {
       Bytes back;
       restore(Source::memory(sealed), Sink::memory(back),
               {.identities = identities, .context = context});
       CHECK(back == kPlain);
     }},
    {"restore, from front to back",
     [](const Bytes& sealed, const auto& identities, const Bytes& context) {
       std::istringstream stream(std::string(as_text(sealed)));
       Bytes back;
       restore(Source::from(stream), Sink::memory(back),
               {.identities = identities, .context = context});
       CHECK(back == kPlain);
     }},
    {"verify",
     [](const Bytes& sealed, const auto& identities, const Bytes& context) {
       verify(Source::memory(sealed), {.identities = identities, .context = context});
     }},
    {"Reader",
     [](const Bytes& sealed, const auto& identities, const Bytes& context) {
       const Reader reader =
           Reader::open(Source::memory(sealed), {.identities = identities, .context = context});
       CHECK(reader.size() == kPlain.size());
     }},
};

}  // namespace

TEST_CASE("any one of many recipients of all kinds opens") {
  const SharedKey key = SharedKey::generate();
  const X25519Identity alice = X25519Identity::generate();
  const X25519Identity bob = X25519Identity::generate();
  const Bytes sealed =
      seal({SharedKey::generate(), key, alice.recipient(), cheap("secret"), bob, kms()});
  const std::pair<Identity, std::uint16_t> cases[] = {
      {key, 1}, {cheap("secret"), 2}, {alice, 5}, {bob, 5}, {kms(), 32768}};
  for (const auto& [identity, slot_type] : cases) {
    INFO("slot type " << slot_type);
    for (const Opening& opening : kOpenings) opening.run(sealed, {identity}, {});
    CHECK(verify(Source::memory(sealed), {.identities = {identity}}).slot_type == slot_type);
  }
}

TEST_CASE("PBKDF2 containers open with the passphrase, and Argon2id ones where OpenSSL has it") {
  const Bytes sealed = seal({cheap("secret", Pbkdf2Cost{.iterations = 1000})});
  CHECK(verify(Source::memory(sealed), {.identities = {Passphrase("secret")}}).slot_type == 3);
  const KdfCost cost = Argon2idCost{.memory_kib = 256, .passes = 1, .lanes = 2};
  if (has_argon2id()) {
    const Bytes argon = seal({cheap("secret", cost)});
    CHECK(verify(Source::memory(argon), {.identities = {Passphrase("secret")}}).slot_type == 4);
  } else {
    CHECK(thrown_kind([&] { cheap("secret", cost); }) == errc::unsupported_version);
    CHECK(thrown_kind([&] { Passphrase("secret", {.kdf = PassphraseKdf::argon2id}); }) ==
          errc::unsupported_version);
  }
}

TEST_CASE(
    "every key failure gives the same error, byte for byte, however the container is opened") {
  const SharedKey key = SharedKey::generate();
  const X25519Identity alice = X25519Identity::generate();
  const Bytes context = from_text("ctx");
  const Bytes all = seal({key, alice, cheap("secret"), kms()}, context);
  const Bytes only_key = seal({key}, context);
  Bytes forged = only_key;  // the last byte of header_tag, in front of the first record
  const Bytes record_magic = from_hex("EF415243");
  *(std::search(forged.begin(), forged.end(), record_magic.begin(), record_magic.end()) - 1) ^=
      std::byte{1};
  struct Case {
    const char* name;
    const Bytes& sealed;
    ListOf<Identity> identities;
    const Bytes& context;
  };
  const Bytes no_context;
  const Bytes other_context = from_text("ctX");
  const Case cases[] = {
      {"no key", all, {}, context},
      {"another shared key", all, {SharedKey::generate()}, context},
      {"another identity", all, {X25519Identity::generate()}, context},
      {"another passphrase", all, {cheap("Secret")}, context},
      {"another key of the provider", all, {kms(8)}, context},
      {"no slot for a passphrase", only_key, {cheap("secret")}, context},
      {"no slot for an identity", only_key, {alice}, context},
      {"several wrong ones", all, {kms(9), X25519Identity::generate(), cheap("x")}, context},
      {"no context", all, {key}, no_context},
      {"another context, all keys", all, {key, alice, cheap("secret"), kms()}, other_context},
      {"header tag changed", forged, {key}, context},
  };
  std::set<std::string> messages;
  for (const Case& c : cases)
    for (const Opening& opening : kOpenings) {
      INFO(c.name << ", " << opening.name);
      const Error error = thrown_by([&] { opening.run(c.sealed, c.identities, c.context); });
      CHECK(error.kind() == errc::wrong_key);
      CHECK_FALSE(error.chunk());
      CHECK_FALSE(error.offset());
      std::string message = error.what();
      // Where the container comes from is the caller's to know.
      const std::string place = error.path() ? *error.path() + ": " : "";
      REQUIRE(message.starts_with(place));
      messages.insert(message.substr(place.size()));
    }
  CHECK(messages == std::set<std::string>{"no given key opens this container"});
}

TEST_CASE("a key service that is down is no wrong key, and keeps no other key out") {
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = seal({working_callable(), key});
  for (const Opening& opening : kOpenings) {
    INFO(opening.name);
    opening.run(sealed, {broken_kms(), key}, {});
    const Error error = thrown_by([&] {
      opening.run(sealed, {broken_kms(), SharedKey::generate()}, {});
    });
    CHECK(error.kind() == errc::io_error);
    CHECK(std::string(error.what()).find("callable failed: no route") != std::string::npos);
  }
}

TEST_CASE("a key service that gives up by itself keeps no other key out") {
  const auto gives_up = std::make_shared<CallableProvider>(
      nullptr, [](auto, const auto&) -> std::optional<SharedKey> {
        throw Error(errc::cancelled, "took too long");
      });
  const SharedKey key = SharedKey::generate();
  const Bytes sealed = seal({working_callable(), key});
  for (const Opening& opening : kOpenings) {
    INFO(opening.name);
    CHECK(thrown_kind([&] { opening.run(sealed, {gives_up, key}, {}); }) == errc{});
    CHECK(thrown_kind([&] { opening.run(sealed, {gives_up}, {}); }) == errc::io_error);
  }
}

TEST_CASE("a key service that fails while writing leaves the destination alone") {
  Bytes sealed = from_text("before");
  for (const NamedRuntime& runtime : test_runtimes()) {
    INFO(runtime.name);
    const Error error = thrown_by([&] {
      pipeline_for({SharedKey::generate(), broken_kms()}, runtime.runtime)
          .process(Source::memory(kPlain), Sink::memory(sealed));
    });
    CHECK(error.kind() == errc::io_error);
    CHECK(std::string(error.what()).find("no route") != std::string::npos);
    CHECK(sealed.empty());
  }
}

TEST_CASE("operations call key services on an I/O thread") {
  std::string thread_name;
  const auto note_thread = std::make_shared<CallableProvider>(
      [&](auto key, const auto&) {
        char name[16] = {};
        ::pthread_getname_np(::pthread_self(), name, sizeof name);
        thread_name = name;
        return Bytes(key.begin(), key.end());
      },
      [&](auto blob, const auto&) {
        char name[16] = {};
        ::pthread_getname_np(::pthread_self(), name, sizeof name);
        thread_name = name;
        return std::optional(SharedKey::from_bytes(blob.template first<32>()));
      });
  const Runtime runtime({.worker_threads = 1, .thread_name = "keys"});
  Bytes sealed;
  pipeline_for({note_thread}, runtime).process(Source::memory(kPlain), Sink::memory(sealed));
  CHECK(thread_name == "keys-io");
  thread_name.clear();
  verify(Source::memory(sealed), {.identities = {note_thread}, .runtime = runtime});
  CHECK(thread_name == "keys-io");
}

TEST_CASE("waiting for a key service ends when the operation is cancelled") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes sealed = seal({working_callable()});
  const Runtime runtime({.worker_threads = 1});
  for (int round = 0; round < 50; ++round) {
    std::latch waiting(2);
    const auto service = waiting_kms(waiting);
    Bytes out;
    Operation writing =
        pipeline_for({service}, runtime).start(Source::memory(kPlain), Sink::memory(out));
    Operation reading =
        start_verify(Source::memory(sealed), {.identities = {service}, .runtime = runtime});
    waiting.wait();
    for (Operation* operation : {&writing, &reading}) {
      operation->cancel();
      CHECK(thrown_kind([&] { operation->get(); }) == errc::cancelled);
    }
    CHECK(out.empty());
    CHECK(runtime.memory_in_use_bytes() == 0);
  }
}

TEST_CASE("Reader::open waits for a key service until it is stopped") {
  const Watchdog watchdog(std::chrono::seconds(60));
  const Bytes sealed = seal({working_callable()});
  std::latch waiting(1);
  std::stop_source stop;
  const std::jthread stopper([&] {
    waiting.wait();
    stop.request_stop();
  });
  CHECK(thrown_kind([&] {
          Reader::open(Source::memory(sealed),
                       {.identities = {waiting_kms(waiting)}, .stop = stop.get_token()});
        }) == errc::cancelled);
}

}  // namespace adapipe
