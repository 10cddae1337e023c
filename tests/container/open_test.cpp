#include "container/open.hpp"

#include <functional>
#include <new>
#include <set>
#include <stdexcept>

#include "cipher/openssl_aead.hpp"
#include "container/create.hpp"
#include "container/fixture.hpp"
#include "container/key_schedule.hpp"
#include "keys/passphrase.hpp"
#include "support/catch.hpp"
#include "support/key_providers.hpp"
#include "support/thrown.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

using Identities = ListOf<Identity>;

Passphrase cheap_passphrase(std::string_view text) {
  return PassphraseAccess::make(text, {.log2_n = 10, .r = 8, .p = 1});
}

Bytes head_for(const ListOf<Recipient>& recipients, std::string_view context = {}) {
  FixedRandom random;
  return create_container(asked_header(), aes_256_gcm({.recipients = recipients}),
                          as_bytes(context), random)
      .head;
}

Bytes plain_head() {
  FixedRandom random;
  return create_container(asked_header(), std::nullopt, {}, random).head;
}

OpenedContainer open_head(ByteSpan head, const Identities& identities,
                          std::string_view context = {}, bool allow_unencrypted = false,
                          const std::stop_token& stop = {}) {
  BytesSource source(head);
  return open_container(read_full_from(static_cast<PositionalSourceImpl&>(source)),
                        {.identities = identities,
                         .context = as_bytes(context),
                         .allow_unencrypted = allow_unencrypted,
                         .stop = stop});
}

/// A head with these slots that `file_key` authenticates.
Bytes head_with_slots(std::vector<Slot> slots, const Header& base, const FileKey& file_key) {
  Header header = base;
  header.integrity = Integrity::aead;
  header.cipher = kAes256Gcm;
  header.slots = std::move(slots);
  const KeySchedule schedule(file_key, header.file_salt, {});
  return encode_head(header, schedule.header_key().bytes());
}

FileKey file_key_of(std::uint8_t first) {
  FileKey key;
  FixedRandom(first).fill(key.bytes());
  return key;
}

Slot slot_for(const Recipient& recipient, const FileKey& file_key, const Header& header,
              std::uint8_t salt) {
  FixedRandom random(salt);
  return recipient.impl().wrap(file_key, header.file_salt, random, {});
}

/// 4 GiB of scrypt: more than a reader accepts.
Slot costly_slot() {
  Slot slot{.type = kSlotScrypt, .body = Bytes(32 + 3 + 48)};
  slot.body[32] = std::byte{22};
  slot.body[33] = std::byte{8};
  slot.body[34] = std::byte{1};
  return slot;
}

}  // namespace

TEST_CASE("any of the recipients opens") {
  const Passphrase passphrase = cheap_passphrase("secret");
  const Bytes head = head_for({shared_key(1), passphrase, shared_key(2)}, "ctx");
  const std::pair<Identities, std::uint16_t> cases[] = {
      {{shared_key(1)}, kSlotSharedKey},
      {{cheap_passphrase("secret")}, kSlotScrypt},
      {{shared_key(2)}, kSlotSharedKey},
      {{shared_key(3), shared_key(2)}, kSlotSharedKey},
      {{cheap_passphrase("wrong"), cheap_passphrase("secret")}, kSlotScrypt},
      {{cheap_passphrase("wrong"), shared_key(2)}, kSlotSharedKey},
  };
  std::set<Bytes> record_keys;
  for (const auto& [identities, slot_type] : cases) {
    const OpenedContainer opened = open_head(head, identities, "ctx");
    CHECK(opened.slot_type() == slot_type);
    const auto key = opened.keys.key.bytes();
    record_keys.emplace(key.begin(), key.end());
  }
  CHECK(record_keys.size() == 1);
}

TEST_CASE("every key failure says the same") {
  const Passphrase passphrase = cheap_passphrase("secret");
  const Bytes head = head_for({shared_key(1), passphrase}, "ctx");
  Bytes forged_tag = head;
  forged_tag.back() ^= std::byte{1};
  const Bytes unknown_slots = head_with_slots(
      {{.type = 6, .body = Bytes(9)}, {.type = 99, .body = {}}}, asked_header(), file_key_of(1));
  struct Case {
    const char* name;
    Bytes head;
    Identities identities;
    const char* context;
  };
  const Case cases[] = {
      {"no key", head, {}, "ctx"},
      {"another shared key", head, {shared_key(2)}, "ctx"},
      {"another passphrase", head, {cheap_passphrase("Secret")}, "ctx"},
      {"several wrong ones", head, {shared_key(2), cheap_passphrase("x"), shared_key(3)}, "ctx"},
      {"no context", head, {shared_key(1)}, ""},
      {"another context", head, {shared_key(1)}, "ctX"},
      {"a longer context", head, {cheap_passphrase("secret")}, "ctx "},
      {"header tag changed", forged_tag, {shared_key(1)}, "ctx"},
      {"no slot of a known type", unknown_slots, {shared_key(1), cheap_passphrase("x")}, ""},
  };
  std::set<std::string> messages;
  for (const Case& c : cases) {
    INFO(c.name);
    const auto error = error_of([&] { open_head(c.head, c.identities, c.context); });
    REQUIRE(error);
    CHECK(error->kind() == errc::wrong_key);
    messages.insert(error->what());
  }
  CHECK(messages.size() == 1);
}

TEST_CASE("a slot with a file key that does not fit the header does not end the search") {
  const Header base = asked_header();
  const SharedKey key = shared_key(1);
  const FileKey right = file_key_of(0x40);
  const Slot decoy = slot_for(key, file_key_of(0x77), base, 1);
  const Slot real = slot_for(key, right, base, 2);
  CHECK(open_head(head_with_slots({decoy, real}, base, right), {key}).slot_type() ==
        kSlotSharedKey);
  CHECK(kind_of([&] { open_head(head_with_slots({decoy}, base, right), {key}); }) ==
        errc::wrong_key);
}

TEST_CASE("a slot that asks for too much work does not keep another key out") {
  const Header base = asked_header();
  const FileKey file_key = file_key_of(0x40);
  const SharedKey key = shared_key(1);
  const Bytes head =
      head_with_slots({costly_slot(), slot_for(key, file_key, base, 2)}, base, file_key);
  const Passphrase passphrase = cheap_passphrase("x");
  CHECK(open_head(head, {passphrase, key}).slot_type() == kSlotSharedKey);
  CHECK(open_head(head, {key, passphrase}).slot_type() == kSlotSharedKey);
  CHECK(kind_of([&] { open_head(head, {passphrase}); }) == errc::limit_exceeded);
  CHECK(kind_of([&] { open_head(head, {passphrase, shared_key(2)}); }) == errc::limit_exceeded);
  CHECK(kind_of([&] { open_head(head, {shared_key(2)}); }) == errc::wrong_key);
}

TEST_CASE("a key service that fails does not keep another key out, whatever it throws") {
  const Header header = asked_header();
  const FileKey file_key = file_key_of(1);
  const std::function<void()> throwers[] = {[] { throw std::runtime_error("down"); },
                                            [] { throw Error(errc::cancelled, "gave up"); },
                                            [] { throw std::bad_alloc(); }, [] { throw 42; }};
  for (const auto& throws : throwers) {
    const std::shared_ptr<const KeyProvider> service =
        std::make_shared<CallableProvider>([](auto, const auto&) { return Bytes(1); },
                                           [&](auto, const auto&) -> std::optional<SharedKey> {
                                             throws();
                                             return std::nullopt;
                                           });
    const Bytes head = head_with_slots(
        {slot_for(service, file_key, header, 1), slot_for(shared_key(1), file_key, header, 2)},
        header, file_key);
    CHECK(open_head(head, {service, shared_key(1)}).opened_slot == 1);
  }
}

TEST_CASE("if nothing opens, the first slot that could not be tried is the reason") {
  const auto service = std::make_shared<CallableProvider>(
      [](auto, const auto&) { return Bytes(1); },
      [](auto, const auto&) -> std::optional<SharedKey> {
        throw Error(errc::resource_exhausted, "the service is down");
      });
  const Header header = asked_header();
  const FileKey file_key = file_key_of(1);
  const Slot down = slot_for(std::shared_ptr<const KeyProvider>(service), file_key, header, 1);
  const Identities identities{cheap_passphrase("secret"),
                              std::shared_ptr<const KeyProvider>(service)};
  const auto kind = [&](const std::vector<Slot>& slots) {
    return thrown_kind([&] { open_head(head_with_slots(slots, header, file_key), identities); });
  };
  CHECK(kind({costly_slot(), down}) == errc::limit_exceeded);
  CHECK(kind({down, costly_slot()}) == errc::resource_exhausted);
}

TEST_CASE("a stop while a key service is asked ends the search, though another key would open") {
  std::stop_source stop;
  const auto service =
      std::make_shared<CallableProvider>([](auto, const auto&) { return Bytes(1); },
                                         [&](auto, const auto&) -> std::optional<SharedKey> {
                                           stop.request_stop();
                                           return std::nullopt;
                                         });
  const Header header = asked_header();
  const FileKey file_key = file_key_of(1);
  const std::shared_ptr<const KeyProvider> provider = service;
  const Bytes head = head_with_slots(
      {slot_for(provider, file_key, header, 1), slot_for(shared_key(1), file_key, header, 2)},
      header, file_key);
  CHECK(thrown_kind([&] {
          open_head(head, {provider, shared_key(1)}, {}, false, stop.get_token());
        }) == errc::cancelled);
}

TEST_CASE("a container without encryption is refused when a key or a context is given") {
  const Bytes head = plain_head();
  CHECK(kind_of([&] { open_head(head, {}); }) == std::nullopt);
  const auto error = error_of([&] { open_head(head, {shared_key(1)}); });
  REQUIRE(error);
  CHECK(error->kind() == errc::wrong_key);
  CHECK(std::string(error->what()) == "not encrypted though a key was given");
  CHECK(kind_of([&] { open_head(head, {shared_key(1)}, "", true); }) == std::nullopt);
  CHECK(kind_of([&] { open_head(head, {}, "ctx"); }) == errc::wrong_key);
  CHECK(kind_of([&] { open_head(head, {}, "ctx", true); }) == errc::wrong_key);
}

TEST_CASE("a head with any byte changed is never accepted, even with its sum made right") {
  struct Valid {
    Bytes head;
    Identities identities;
  };
  const Valid valid[] = {{head_for({shared_key(1)}), {shared_key(1)}}, {plain_head(), {}}};
  for (const Valid& v : valid)
    for (std::size_t at = 0; at < v.head.size(); ++at)
      for (const unsigned bits : {0x01u, 0x80u, 0xFFu}) {
        INFO("byte " << at << " ^ " << bits);
        Bytes changed = v.head;
        changed[at] ^= static_cast<std::byte>(bits);
        const auto kind = kind_of([&] { open_head(changed, v.identities); });
        REQUIRE(kind);
        if (at < 8) CHECK(kind == errc::not_a_container);
        if (at >= 16 && at < v.head.size() - 32) CHECK(kind == errc::corrupt);
        if (at >= v.head.size() - 32)
          CHECK(kind == (v.identities.empty() ? errc::corrupt : errc::wrong_key));

        const Bytes body(changed.begin(), changed.end() - 40);
        Bytes summed = with_sum(body);
        summed.insert(summed.end(), changed.end() - 32, changed.end());
        if (summed != v.head) CHECK(kind_of([&] { open_head(summed, v.identities); }));
      }
}

TEST_CASE("a head cut anywhere is truncated, with or without a key") {
  for (const Bytes& head : {head_for({shared_key(1)}), plain_head()})
    for (std::size_t size = 0; size < head.size(); ++size) {
      INFO(size);
      const auto expected = size == 0 ? errc::not_a_container : errc::truncated;
      const ByteSpan cut = ByteSpan(head).first(size);
      CHECK(kind_of([&] { open_head(cut, {shared_key(1)}); }) == expected);
      CHECK(kind_of([&] { open_head(cut, {}); }) == expected);
    }
}

TEST_CASE("a header is shown without a key") {
  for (const Bytes& head : {head_for({shared_key(1)}), plain_head()}) {
    BytesSource source(head, 7);
    const Header header = read_header(read_full_from(static_cast<SourceImpl&>(source)));
    CHECK(header.chunk_bytes == asked_header().chunk_bytes);
    CHECK(header.metadata == asked_header().metadata);
  }
}

TEST_CASE("an input that gives few bytes at a time is read to the end") {
  const Bytes bytes = random_bytes(100, 1);
  for (const std::size_t most : {1u, 7u, 100u}) {
    BytesSource source(bytes, most);
    BytesSource positional(bytes, most);
    for (const ReadFull& read : {read_full_from(static_cast<SourceImpl&>(source)),
                                 read_full_from(static_cast<PositionalSourceImpl&>(positional))}) {
      Bytes first(60);
      CHECK(read(first) == 60);
      Bytes second(60);
      CHECK(read(second) == 40);
      CHECK(read(second) == 0);
      CHECK(std::equal(first.begin(), first.end(), bytes.begin()));
    }
  }
}
