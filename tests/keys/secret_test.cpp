#include "keys/secret.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <adapipe/keys.hpp>
#include <algorithm>
#include <new>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/fixed_random.hpp"
#include "support/memory_scan.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

/// Destroyed after everything that was made later, the library's own statics among it.
std::optional<SharedKey> key_of_the_host;

SecretArray<32> secret(std::uint32_t seed) {
  SecretArray<32> made;
  SeededRandom(seed).fill(made.bytes());
  return made;
}

Bytes copy_of(ByteSpan bytes) { return {bytes.begin(), bytes.end()}; }

bool all_zero(ByteSpan bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
}

TEST_CASE("secret bytes start as zeros, also where another secret was") {
  for (const std::size_t size : {1u, 16u, 32u, 67u, 5000u, 100'000u})
    for (int round = 0; round < 3; ++round) {
      SecretBytes bytes(size);
      CHECK(bytes.size() == size);
      CHECK(all_zero(bytes.bytes()));
      SeededRandom(1).fill(bytes.bytes());
    }
}

TEST_CASE("copies of secret bytes are independent, moving takes the bytes along") {
  const SecretArray<32> original = secret(2);
  SecretArray<32> copy = original;
  copy.bytes()[0] ^= std::byte{1};
  CHECK(copy.bytes()[0] != original.bytes()[0]);
  copy = original;
  CHECK(copy_of(copy.bytes()) == copy_of(original.bytes()));

  const std::byte* const where = copy.bytes().data();
  const SecretArray<32> moved = std::move(copy);
  CHECK(moved.bytes().data() == where);
  copy = moved;
  CHECK(copy_of(copy.bytes()) == copy_of(original.bytes()));

  SecretBytes bytes(original.bytes());
  const SecretBytes taken = std::move(bytes);
  CHECK(copy_of(taken.bytes()) == copy_of(original.bytes()));
}

TEST_CASE("a secret is in no memory that is dumped, and in none at all when it is gone") {
  std::vector<Needle> needles;
  {
    const SecretArray<32> small = secret(3);
    SecretBytes large(100'000);
    SeededRandom(4).fill(large.bytes());
    SecretBytes shortened(large.bytes());
    shortened = SecretBytes(small.bytes());
    const SecretBytes copy = large;
    needles.emplace_back("the small one", small.bytes());
    needles.emplace_back("the large one", ByteSpan(large.bytes()).last(64));

    std::vector<std::string> found;
    for (const Finding& finding : find_in_memory(needles)) {
      found.push_back(finding.secret);
      INFO(finding.secret << " in " << finding.mapping.name);
      if (finding.mapping.flags_known) CHECK_FALSE(finding.mapping.dumped);
    }
    CHECK(std::ranges::count(found, "the small one") >= 1);
    CHECK(std::ranges::count(found, "the large one") >= 1);
  }
  CHECK(describe(find_in_memory(needles)) == std::vector<std::string>());
}

TEST_CASE("no memory for a secret is an ordinary bad_alloc, after which there is some again") {
  CHECK_THROWS_AS(SecretBytes(std::size_t{1} << 60), std::bad_alloc);
  CHECK(all_zero(SecretBytes(1 << 20).bytes()));
}

TEST_CASE("copies of a shared key are one secret, and a moved-from key is still that key") {
  const SecretArray<32> bytes = secret(5);
  SharedKey key = SharedKey::from_bytes(bytes.bytes());
  const SharedKey copy = key;
  CHECK(copy.bytes().data() == key.bytes().data());
  const SharedKey moved = std::move(key);
  CHECK(copy_of(key.bytes()) == copy_of(bytes.bytes()));
  key = SharedKey::generate();
  CHECK(copy_of(moved.bytes()) == copy_of(bytes.bytes()));
  CHECK(copy_of(key.bytes()) != copy_of(bytes.bytes()));
}

TEST_CASE("a recipient or an identity that was moved from is still who it was") {
  const SharedKey key = SharedKey::generate();
  Recipient recipient(key);
  const Recipient moved_recipient = std::move(recipient);
  REQUIRE(&recipient.impl() == &moved_recipient.impl());
  Identity identity(key);
  const Identity moved_identity = std::move(identity);
  REQUIRE(&identity.impl() == &moved_identity.impl());
}

TEST_CASE("keys come and go in a child of fork(), whatever other threads did with theirs") {
  std::optional<SharedKey> key(SharedKey::generate());
  const std::jthread other([bytes = secret(6)](const std::stop_token& stop) {
    while (!stop.stop_requested()) (void)SharedKey::from_bytes(bytes.bytes());
  });
  for (int children = 0; children < 100; ++children) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(10);
      key.reset();
      ::_exit(all_zero(SharedKey::generate().bytes()) ? 1 : 0);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
  }
}

TEST_CASE("a key in a static object of the host may be the last to go") {
  key_of_the_host = SharedKey::generate();
  CHECK_FALSE(all_zero(key_of_the_host->bytes()));
}

}  // namespace
