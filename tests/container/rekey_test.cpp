#include "container/rekey.hpp"

#include <atomic>
#include <memory>

#include "container/create.hpp"
#include "container/fixture.hpp"
#include "keys/passphrase.hpp"
#include "support/catch.hpp"
#include "support/key_providers.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::size_t kSharedKeySection = 8 + 2 + 16 + 32 + 48;

struct Change {
  ListOf<Recipient> add{};
  std::vector<std::size_t> remove{};
  bool remove_all = false;
};

Passphrase cheap_passphrase(std::string_view text) {
  return PassphraseAccess::make(text, {.log2_n = 10, .r = 8, .p = 1});
}

/// As a later version might have written it.
Header later_header() {
  Header header = asked_header();
  header.minor = 7;
  header.unknown.add(0, from_text("first"));
  header.unknown.add(10, from_text("a"));
  header.unknown.add(10, from_text("b"));
  header.unknown.add(99, {});
  return header;
}

Bytes head_for(const Header& header, const ListOf<Recipient>& recipients) {
  FixedRandom random;
  return create_container(header, aes_256_gcm({.recipients = recipients}), as_bytes("ctx"), random)
      .head;
}

OpenedContainer open_head(ByteSpan head, const Identity& identity) {
  BytesSource source(head);
  const ListOf<Identity> identities = {identity};
  return open_container(
      read_full_from(static_cast<PositionalSourceImpl&>(source)),
      {.identities = identities, .context = as_bytes("ctx"), .stop = {}, .keep_schedule = true});
}

Bytes rekeyed(ByteSpan head, const Change& change) {
  FixedRandom random(0x55);
  return rekeyed_head(open_head(head, shared_key(1)),
                      {.add = change.add, .remove = change.remove, .remove_all = change.remove_all},
                      random);
}

std::vector<std::uint16_t> slot_types(const Header& header) {
  std::vector<std::uint16_t> types;
  for (const Slot& slot : header.slots) types.push_back(slot.type);
  return types;
}

/// Gives these bytes, one after the other.
class ChosenRandom final : public RandomSource {
 public:
  explicit ChosenRandom(Bytes bytes) : bytes_(std::move(bytes)) {}

  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = bytes_.at(next_++);
  }

 private:
  const Bytes bytes_;
  std::size_t next_ = 0;
};

Bytes xored(ByteSpan a, ByteSpan b) {
  Bytes out(a.begin(), a.end());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] ^= b[i];
  return out;
}

Header decoded(ByteSpan head) {
  return decode_header(head.first(head.size() - layout::kHeaderTagBytes));
}

}  // namespace

TEST_CASE("only slots and padding of a header change") {
  const Bytes before = head_for(later_header(), {shared_key(1), shared_key(2)});
  const X25519Identity other = X25519Identity::generate();
  const Change changes[] = {
      {.add = {other}},
      {.remove = {1}},
      {.add = {shared_key(3)}, .remove = {1}},
      {.add = {shared_key(1), cheap_passphrase("x")}, .remove_all = true},
  };
  for (const Change& change : changes) {
    const Bytes after = rekeyed(before, change);
    Header made = decoded(after);
    CHECK_FALSE(made.slots.empty());
    CHECK(made.minor == later_header().minor);
    CHECK(made.unknown == later_header().unknown);
    const Header original = decoded(before);
    made.slots = original.slots;
    made.padding_bytes = original.padding_bytes;
    CHECK(encode_header(made) == encode_header(original));

    const OpenedContainer opened = open_head(after, shared_key(1));
    const OpenedContainer reference = open_head(before, shared_key(1));
    CHECK(std::ranges::equal(opened.keys.key.bytes(), reference.keys.key.bytes()));
  }
}

TEST_CASE("slots that stay keep their order, and those that come stand behind them") {
  const auto provider = std::make_shared<MaskingProvider>("p", std::uint8_t{7});
  const X25519Identity x25519 = X25519Identity::generate();
  const Passphrase passphrase = cheap_passphrase("x");
  const Bytes before = head_for(asked_header(), {shared_key(1), x25519, passphrase});
  struct Case {
    Change change;
    std::vector<std::uint16_t> expected;
  };
  const Case cases[] = {
      {{.add = {provider}}, {1, 5, 2, 32768}},
      {{.add = {shared_key(2), provider}, .remove = {1}}, {1, 2, 1, 32768}},
      {{.remove = {2, 0}}, {5}},
      {{.add = {cheap_passphrase("y")}, .remove = {2}}, {1, 5, 2}},
      {{.add = {provider, shared_key(2)}, .remove_all = true}, {32768, 1}},
  };
  for (const auto& [change, expected] : cases) {
    const Header made = decoded(rekeyed(before, change));
    CHECK(slot_types(made) == expected);
    const Header original = decoded(before);
    if (!change.remove_all && change.remove.empty())
      for (std::size_t i = 0; i < original.slots.size(); ++i)
        CHECK(made.slots[i].body == original.slots[i].body);
  }
}

TEST_CASE("a slot of a type that nobody knows yet stays") {
  const OpenedContainer opened =
      open_head(head_for(asked_header(), {shared_key(1)}), shared_key(1));
  OpenedContainer later = opened;
  later.header.slots.push_back({.type = 6, .body = from_text("ML-KEM")});
  const ListOf<Recipient> add = {shared_key(2)};
  FixedRandom random;
  const Bytes head = rekeyed_head(later, {.add = add, .remove = {0}}, random);
  CHECK(slot_types(decoded(head)) == std::vector<std::uint16_t>{6, 1});
  CHECK(open_head(head, shared_key(2)).slot_type() == kSlotSharedKey);
}

/// A header is readable by anyone, so a second container can be made with the salt of a first. If
/// both were wrapped for one passphrase under one key, who knows the file key of one had the
/// other's.
TEST_CASE("a container with the salt of another gets no slot that betrays the other's key") {
  const Passphrase passphrase = cheap_passphrase("x");
  const Bytes first = head_for(asked_header(), {passphrase});
  const Header seen = decoded(first);
  const Bytes known_key = random_bytes(32, 1);
  ByteWriter drawn;  // file key, file salt, ephemeral key
  drawn.put(known_key).put(seen.file_salt).put(random_bytes(32, 2));
  ChosenRandom chosen(std::move(drawn).take());
  const X25519Identity owner = X25519Identity::generate();
  const Bytes second = create_container(asked_header(), aes_256_gcm({.recipients = {owner}}),
                                        as_bytes("ctx"), chosen)
                           .head;

  const ListOf<Recipient> add = {passphrase};
  FixedRandom random(0x55);
  const Header after =
      decoded(rekeyed_head(open_head(second, owner), {.add = add, .remove = {}}, random));
  REQUIRE(after.file_salt == seen.file_salt);

  const auto wrapped = [](const Slot& slot) { return ByteSpan(slot.body).last(48).first(32); };
  const Bytes guess = xored(xored(wrapped(seen.slots[0]), wrapped(after.slots[1])), known_key);
  const FileKey file_key{std::span<const std::byte, 32>(guess)};
  const KeySchedule schedule(file_key, seen.file_salt, as_bytes("ctx"));
  const ByteSpan tagged = ByteSpan(first).first(first.size() - 8 - 32);
  const Digest256 tag = compute_header_tag(Integrity::aead, schedule.header_key().bytes(), tagged);
  CHECK_FALSE(equal_constant_time(tag, ByteSpan(first).last(32)));
  CHECK(open_head(first, passphrase).slot_type() == kSlotScrypt);
}

TEST_CASE("padding keeps the records where they are as long as there is room") {
  using Padding = std::optional<std::uint32_t>;
  constexpr std::size_t kSlot = kSharedKeySection;
  const Change add = {.add = {shared_key(3)}};
  const Change remove = {.remove = {1}};
  const Change rotate = {.add = {shared_key(3)}, .remove = {1}};
  struct Case {
    const char* name;
    Padding before;
    const Change& change;
    int moved;  // how much longer the head is
    Padding after;
  };
  const Case cases[] = {
      {"nothing to shrink", std::nullopt, add, int{kSlot}, std::nullopt},
      {"one byte is missing", kSlot - 9, add, 1, std::nullopt},
      {"the whole section is needed", kSlot - 8, add, 0, std::nullopt},
      {"one byte is left", kSlot - 7, add, -1, std::nullopt},
      {"seven bytes are left", kSlot - 1, add, -7, std::nullopt},
      {"just a section's head is left", kSlot, add, 0, 0},
      {"more is left", 300, add, 0, 300 - kSlot},
      {"a slot makes room", std::nullopt, remove, 0, kSlot - 8},
      {"a slot makes more room", 3, remove, 0, 3 + kSlot},
      {"nothing shrinks or grows", 3, rotate, 0, 3},
      {"nothing shrinks or grows, without padding", std::nullopt, rotate, 0, std::nullopt},
  };
  for (const auto& [name, padding, change, moved, expected] : cases) {
    INFO(name);
    Header header = asked_header();
    header.padding_bytes = padding;
    const Bytes before = head_for(header, {shared_key(1), shared_key(2)});
    const Bytes after = rekeyed(before, change);
    CHECK(static_cast<int>(after.size()) - static_cast<int>(before.size()) == moved);
    CHECK(decoded(after).padding_bytes == expected);
  }
}

TEST_CASE("a change of slots that cannot be is refused before a key is wrapped") {
  std::atomic<int> wrapped = 0;
  const auto counting = std::make_shared<CallableProvider>(
      [&wrapped](auto, const auto&) {
        ++wrapped;
        return Bytes(1);
      },
      [](auto, const auto&) { return std::nullopt; });
  const Passphrase passphrase = cheap_passphrase("x");
  ListOf<Recipient> many = {counting};
  while (many.size() < 63) many.push_back(counting);
  const Change cases[] = {
      {},
      {.remove = {0, 1}},
      {.remove_all = true},
      {.add = {counting}, .remove = {2}},
      {.add = {counting}, .remove = {SIZE_MAX}},
      {.add = {counting}, .remove = {1, 1}},
      {.add = {counting}, .remove = {1}, .remove_all = true},
      {.add = {counting, passphrase}},
      {.add = {counting, passphrase}, .remove = {0}},
      {.add = {counting, passphrase, cheap_passphrase("y")}, .remove_all = true},
      {.add = many},
  };
  const Bytes head = head_for(asked_header(), {shared_key(1), cheap_passphrase("z")});
  for (const Change& change : cases) {
    INFO("case " << &change - cases);
    CHECK(kind_of([&] { rekeyed(head, change); }) == errc::invalid_argument);
  }
  CHECK(wrapped == 0);
  CHECK(kind_of([&] { rekeyed(head, {.add = many, .remove = {1}}); }) == std::nullopt);
  CHECK(wrapped == 63);
}

TEST_CASE("a header has no more than 1 MiB, also with other slots") {
  Header header = asked_header();
  header.padding_bytes.reset();
  header.unknown.add(99, {});
  const std::size_t rest = layout::kMaxHeaderBytes + 16 + 8 + 32 -
                           head_for(header, {shared_key(1), shared_key(2)}).size();
  header.unknown = {};
  header.unknown.add(99, Bytes(rest));
  const Bytes full = head_for(header, {shared_key(1), shared_key(2)});
  CHECK(kind_of([&] { rekeyed(full, {.add = {shared_key(3)}}); }) == errc::limit_exceeded);
  CHECK(rekeyed(full, {.add = {shared_key(3)}, .remove = {1}}).size() == full.size());
}

TEST_CASE("a key service that wraps is told to stop") {
  std::stop_source stop;
  const auto provider = std::make_shared<CallableProvider>(
      [&stop](auto, const std::stop_token& token) {
        stop.request_stop();
        if (token.stop_requested()) throw std::runtime_error("stopped");
        return Bytes(1);
      },
      [](auto, const auto&) { return std::nullopt; });
  const OpenedContainer opened =
      open_head(head_for(asked_header(), {shared_key(1)}), shared_key(1));
  const ListOf<Recipient> add = {provider};
  FixedRandom random;
  CHECK(kind_of([&] {
          rekeyed_head(opened, {.add = add, .remove = {}}, random, stop.get_token());
        }) == errc::cancelled);
}

TEST_CASE("the file key is handed out only to who asks for it") {
  const Bytes head = head_for(asked_header(), {shared_key(1)});
  BytesSource source(head);
  const ListOf<Identity> identities = {shared_key(1)};
  CHECK_FALSE(open_container(read_full_from(static_cast<PositionalSourceImpl&>(source)),
                             {.identities = identities, .context = as_bytes("ctx"), .stop = {}})
                  .schedule);
  CHECK(open_head(head, shared_key(1)).schedule);
}
