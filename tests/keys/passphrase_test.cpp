#include "keys/passphrase.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "keys/slot.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/fixed_random.hpp"
#include "support/memory_scan.hpp"
#include "support/thrown.hpp"
#include "util/bytes.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr ScryptCost kCheap{.log2_n = 10, .r = 8, .p = 1};
constexpr std::size_t kSaltBytes = 32;

FileKey file_key(std::uint64_t seed) {
  const Bytes bytes = random_bytes(32, seed);
  return FileKey(std::span<const std::byte, 32>(bytes));
}

Slot wrap(const Passphrase& passphrase, std::uint64_t seed, RandomSource& random) {
  const Bytes salt = random_bytes(32, seed + 1000);
  return Recipient(passphrase).impl().wrap(file_key(seed), FileSalt(salt), random, {});
}

bool opens(const Passphrase& passphrase, const Slot& slot, std::uint64_t seed) {
  const Bytes salt = random_bytes(32, seed + 1000);
  const auto key = Identity(passphrase).impl().unwrap(slot, FileSalt(salt), {});
  return key && equal_constant_time(key->bytes(), file_key(seed).bytes());
}

Bytes salt_of(const Slot& slot) { return Bytes(slot.body.begin(), slot.body.begin() + kSaltBytes); }

TEST_CASE("a passphrase that was moved from is still that passphrase") {
  Passphrase passphrase("correct horse");
  const Passphrase moved = std::move(passphrase);
  CHECK(&Recipient(passphrase).impl() == &Recipient(moved).impl());
}

TEST_CASE("an empty passphrase is refused") {
  CHECK(thrown_kind([] { Passphrase(""); }) == errc::invalid_argument);
}

TEST_CASE("a passphrase is wrapped at the documented cost unless told otherwise") {
  FixedRandom random;
  const Slot slot = wrap(Passphrase("x"), 1, random);
  CHECK(Bytes(slot.body.begin() + kSaltBytes, slot.body.begin() + kSaltBytes + 3) ==
        from_hex("11 08 01"));
}

TEST_CASE("a batch of one passphrase object shares one scrypt salt, but no wrapped key") {
  FixedRandom random;
  const Passphrase passphrase = PassphraseAccess::make("batch", kCheap);
  const Passphrase copy = passphrase;
  const Slot first = wrap(passphrase, 1, random);
  const Slot second = wrap(copy, 2, random);
  CHECK(salt_of(first) == salt_of(second));
  CHECK(first.body != second.body);
  CHECK(opens(passphrase, first, 1));
  CHECK(opens(passphrase, second, 2));
  CHECK_FALSE(opens(passphrase, first, 2));
}

TEST_CASE("two passphrase objects have salts of their own") {
  FixedRandom random;
  const Slot first = wrap(PassphraseAccess::make("same", kCheap), 1, random);
  const Slot second = wrap(PassphraseAccess::make("same", kCheap), 1, random);
  CHECK(salt_of(first) != salt_of(second));
}

TEST_CASE("a passphrase is taken byte by byte") {
  FixedRandom random;
  const std::string_view with_zero("a\0b", 3);
  const Slot slot = wrap(PassphraseAccess::make(with_zero, kCheap), 1, random);
  CHECK(opens(Passphrase(with_zero), slot, 1));
  CHECK_FALSE(opens(Passphrase("a"), slot, 1));
  CHECK_FALSE(opens(Passphrase("ab"), slot, 1));
}

TEST_CASE("one passphrase opens the containers of more writers than it keeps secrets of") {
  FixedRandom random;
  std::vector<Slot> slots;
  for (std::uint64_t i = 0; i < 20; ++i)
    slots.push_back(wrap(PassphraseAccess::make("shared", kCheap), i, random));
  const Passphrase reader("shared");
  for (int round = 0; round < 2; ++round)
    for (std::uint64_t i = 0; i < slots.size(); ++i) CHECK(opens(reader, slots[i], i));
}

TEST_CASE("a passphrase keeps the secrets of the last salts only, for those are the container's") {
  SeededRandom random(1);
  const Passphrase reader("shared");
  std::vector<Slot> slots;
  std::vector<Needle> needles;
  const auto open_one_more = [&] {
    const std::size_t i = slots.size();
    const Slot& slot =
        slots.emplace_back(wrap(PassphraseAccess::make("shared", kCheap), i, random));
    REQUIRE(opens(reader, slot, i));
    SecretArray<32> secret;
    stretch(as_bytes("shared"), decode_passphrase_slot(slot), secret.bytes());
    needles.emplace_back(std::to_string(i), secret.bytes());
  };
  const auto is_kept = [&](const char* secret) {
    return std::ranges::count(find_in_memory(needles), secret, &Finding::secret) == 1;
  };
  for (int i = 0; i < 9; ++i) open_one_more();
  CHECK_FALSE(is_kept("0"));
  CHECK(is_kept("1"));
  REQUIRE(opens(reader, slots[1], 1));  // which is the last one now
  open_one_more();
  CHECK(is_kept("1"));
  CHECK_FALSE(is_kept("2"));
}

TEST_CASE("one passphrase opens slots of one salt and two costs") {
  FixedRandom random, same_random;
  const Slot cheap = wrap(PassphraseAccess::make("cost", kCheap), 1, random);
  const Slot dear =
      wrap(PassphraseAccess::make("cost", {.log2_n = 11, .r = 8, .p = 1}), 1, same_random);
  REQUIRE(salt_of(cheap) == salt_of(dear));
  const Passphrase reader("cost");
  CHECK(opens(reader, cheap, 1));
  CHECK(opens(reader, dear, 1));
}

TEST_CASE("readers refuse scrypt work beyond their limits, but only when it would be done") {
  struct Case {
    unsigned log2_n;
    unsigned p;
  };
  // N r p <= 2^23 and 128 N r <= 1 GiB.
  for (const Case& c : {Case{21, 1}, Case{22, 1}, Case{20, 2}, Case{17, 9}, Case{22, 16}}) {
    INFO("log2 N " << c.log2_n << ", p " << c.p);
    Bytes body(83);
    body[32] = static_cast<std::byte>(c.log2_n);
    body[33] = std::byte{8};
    body[34] = static_cast<std::byte>(c.p);
    const Slot slot{.type = kSlotScrypt, .body = body};
    CHECK(thrown_kind([&] { check_slot(slot); }) == errc{});
    CHECK(thrown_kind([&] { opens(Passphrase("x"), slot, 1); }) == errc::limit_exceeded);
    const Bytes salt(32);
    CHECK_FALSE(Identity(SharedKey::generate()).impl().unwrap(slot, FileSalt(salt), {}));
  }
}

TEST_CASE("readers accept as much work as the format lets them") {
  constexpr std::uint32_t kGibInKib = 1 << 20;
  const std::vector<KdfCost> most = {
      ScryptCost{.log2_n = 20, .r = 8, .p = 1}, ScryptCost{.log2_n = 16, .r = 8, .p = 16},
      Pbkdf2Cost{.iterations = 10'000'000},
      Argon2idCost{.memory_kib = kGibInKib, .passes = 4, .lanes = 1},
      Argon2idCost{.memory_kib = 8, .passes = 4 * kGibInKib / 8, .lanes = 1}};
  const std::vector<KdfCost> more = {
      ScryptCost{.log2_n = 20, .r = 8, .p = 2},
      ScryptCost{.log2_n = 21, .r = 8, .p = 1},
      Pbkdf2Cost{.iterations = 10'000'001},
      Argon2idCost{.memory_kib = kGibInKib + 1, .passes = 1, .lanes = 1},
      Argon2idCost{.memory_kib = kGibInKib, .passes = 5, .lanes = 1},
      Argon2idCost{.memory_kib = 8, .passes = 4 * kGibInKib / 8 + 1, .lanes = 1},
      Argon2idCost{.memory_kib = UINT32_MAX, .passes = UINT32_MAX, .lanes = 255}};
  for (const KdfCost& cost : most) {
    INFO("case " << &cost - most.data());
    const bool is_lacking = std::holds_alternative<Argon2idCost>(cost) && !has_argon2id();
    CHECK(thrown_kind([&] { check_work(cost); }) ==
          (is_lacking ? errc::unsupported_version : errc{}));
  }
  for (const KdfCost& cost : more) {
    INFO("case " << &cost - more.data());
    CHECK(thrown_kind([&] { check_work(cost); }) == errc::limit_exceeded);
  }
}

TEST_CASE("threads may wrap and unwrap with one passphrase at once") {
  const Passphrase passphrase = PassphraseAccess::make("threads", kCheap);
  constexpr std::size_t kThreads = 4;
  std::vector<int> opened(kThreads, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 20; ++i)
        opened[t] += opens(passphrase, wrap(passphrase, i, system_random()), i) ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(opened == std::vector<int>(kThreads, 20));
}

}  // namespace
