// What a cipher leaves on the stack.

#include "cipher/openssl_aead.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/dead_stack.hpp"

using namespace adapipe;
using namespace adapipe::testing;

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
