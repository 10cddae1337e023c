// Memory that runs out while OpenSSL looks for an algorithm, each time in a process that has not
// used it yet.

#include <sys/wait.h>
#include <unistd.h>

#include <adapipe/error.hpp>
#include <array>
#include <functional>
#include <new>
#include <string_view>

#include "faults/failing_memory.hpp"
#include "keys/kdf.hpp"
#include "keys/x25519.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "util/openssl.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

using Key = std::array<std::byte, 32>;

struct Use {
  std::string_view name;
  std::function<void()> run;
};

const Use kUses[] = {
    {"SHA-256", [] { sha256({}); }},
    {"HMAC", [] { hmac_sha256({}, {}); }},
    {"HKDF",
     [] {
       Key key;
       hkdf_sha256(as_bytes("key"), {}, {}, key);
     }},
    {"scrypt",
     [] {
       Key key;
       scrypt(as_bytes("passphrase"), as_bytes("salt"), {.log2_n = 1, .r = 1, .p = 1}, key);
     }},
    {"PBKDF2",
     [] {
       Key key;
       pbkdf2(as_bytes("passphrase"), as_bytes("salt"), {.iterations = 1}, key);
     }},
    {"X25519, to make a key",
     [] {
       Key key{};
       x25519_public_key(key, key);
     }},
    {"X25519",
     [] {
       Key key{std::byte{9}};
       if (!x25519(key, key, key)) throw Error(errc::invalid_argument, "a secret of zeros");
     }},
};

enum Outcome { kDone, kRanOut, kIsOther };

Outcome outcome(const Use& use, Shortage shortage) {
  const FailingMemory memory(shortage);
  try {
    use.run();
  } catch (const Error& error) {
    return error.kind() == errc::resource_exhausted ? kRanOut : kIsOther;
  } catch (const std::bad_alloc&) {
    return kRanOut;
  }
  return FailingMemory::has_failed() ? kRanOut : kDone;
}

std::size_t outcome_in_a_new_process(const Use& use, Shortage shortage) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(outcome(use, shortage));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return static_cast<std::size_t>(WEXITSTATUS(status));
}

}  // namespace

// For good, because OpenSSL 3.0 says of one failure among its many allocations what it likes.
TEST_CASE("memory that has run out is never taken for an algorithm that OpenSSL lacks") {
  fetch_cipher("AES-256-GCM");  // sets OpenSSL up
  for (const Use& use : kUses)
    for (std::size_t first = 1, result = kRanOut; result != kDone; ++first) {
      INFO(use.name << ", allocation " << first << " and all later ones");
      result = outcome_in_a_new_process(use, {.first = first, .lasts = true});
      REQUIRE((result == kRanOut || result == kDone));
    }
}
