// What a cipher leaves on the stack.

#include <pthread.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "cipher/openssl_aead.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::size_t kStackBytes = std::size_t{1} << 20;

/// The stack of a thread that has done `what` and ended.
Bytes stack_after(const std::function<void()>& what) {
  Bytes stack(kStackBytes + 4096);
  void* start = stack.data();
  std::size_t room = stack.size();
  REQUIRE(std::align(4096, kStackBytes, start, room) != nullptr);
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstack(&attributes, start, kStackBytes) == 0);
  const auto run = [](void* function) -> void* {
    (*static_cast<const std::function<void()>*>(function))();
    return nullptr;
  };
  pthread_t thread;
  auto* const function = const_cast<std::function<void()>*>(&what);
  REQUIRE(pthread_create(&thread, &attributes, run, function) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
  return stack;
}

/// In units of 32 bits, for ciphers repeat and shuffle such words of the key.
std::size_t words_found(const Bytes& key, const Bytes& stack) {
  std::size_t found = 0;
  for (std::size_t at = 0; at < key.size(); at += 4)
    if (std::search(stack.begin(), stack.end(), key.begin() + static_cast<std::ptrdiff_t>(at),
                    key.begin() + static_cast<std::ptrdiff_t>(at + 4)) != stack.end())
      ++found;
  return found;
}

}  // namespace

TEST_CASE("a cipher leaves nothing of its key on the stack") {
  for (const std::uint16_t id : {kAes256Gcm, kChaCha20Poly1305, kAes128Gcm})
    for (const std::size_t size : {1u, 64u, 200u, 1000u, 100'000u}) {
      INFO("cipher " << id << ", " << size << " bytes");
      const auto backend = openssl_aead(id);
      const Bytes key = random_bytes(backend->key_bytes(), size);
      const auto worker = backend->make_worker(key);
      const Bytes nonce = random_bytes(12, 2);
      const Bytes plain = random_bytes(size, 3);
      Bytes sealed(size), opened(size), tag(16);
      const auto seal = [&] {
        worker->seal(std::span<const std::byte, 12>(nonce), {}, plain, sealed.data(),
                     std::span<std::byte, 16>(tag));
      };
      bool is_open = false;
      const auto open = [&] {
        is_open = worker->open(std::span<const std::byte, 12>(nonce), {}, sealed, opened.data(),
                               std::span<const std::byte, 16>(tag));
      };
      // Once before: the first call of each keeps the key, and binds the functions of OpenSSL.
      seal();
      open();
      CHECK(words_found(key, stack_after(seal)) == 0);
      CHECK(words_found(key, stack_after(open)) == 0);
      CHECK(is_open);
    }
}
