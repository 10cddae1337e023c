#include "vectors/keys.hpp"

#include <adapipe/error.hpp>
#include <string>
#include <utility>

#include "support/fixed_random.hpp"
#include "support/stages.hpp"
#include "vectors/vectors.hpp"

namespace adapipe::testing {
namespace {

/// Of the owner's key pair; the other one opens nothing.
constexpr std::string_view kOwner =
    "ADP-SECRET-KEY-1QYPQXPQ9QCRSSZG2PVXQ6RS0ZQG3YYC5Z5TPWXQERGD3C8G7RUSQCUD8GY";
constexpr std::string_view kStranger =
    "ADP-SECRET-KEY-1YY3ZXFP9YCNJS2F29VKZ6T30XQCNYVE5X5MRWWPE8GANC0F78AQQ6MG4P5";

std::shared_ptr<const Stage> xor_stage(std::uint8_t key, std::size_t changed_of_two) {
  return std::make_shared<CallableStage>(
      StageInfo{.id = "org.example.xor", .parameters = {std::byte{key}}},
      [key, changed_of_two](const ChunkInfo& chunk, auto in, auto& out) {
        if (chunk.index % 2 >= changed_of_two) return Outcome::unchanged;
        return xor_bytes(in, out, std::byte{key});
      },
      CallableStage::Traits{});
}

Bytes identity_file(std::string_view text) {
  return from_text("# for tests only\n\n" + std::string(text) + "\n");
}

}  // namespace

SharedKey shared_vector_key() {
  std::array<std::byte, SharedKey::kBytes> bytes;
  FixedRandom(0x80).fill(bytes);
  return SharedKey::from_bytes(bytes);
}

X25519Identity vector_identity() { return X25519Identity::parse(kOwner); }

std::shared_ptr<const KeyProvider> vector_provider() {
  return std::make_shared<const MaskingProvider>("test.mask", 90);
}

std::shared_ptr<const Stage> example_xor_stage(std::uint8_t key) { return xor_stage(key, 2); }

std::shared_ptr<const Stage> every_other_xor_stage(std::uint8_t key) { return xor_stage(key, 1); }

StageRegistry vector_stages() {
  StageRegistry out;
  for (const char* const id : {"org.example.xor", "org.test.xor"})
    out.add(id, [](std::span<const std::byte> parameters) {
      if (parameters.size() != 1) throw Error(errc::corrupt, "this stage takes one byte");
      return example_xor_stage(std::to_integer<std::uint8_t>(parameters[0]));
    });
  return out;
}

VectorFiles key_files() {
  Bytes stranger(SharedKey::kBytes);
  FixedRandom(0x33).fill(stranger);
  return {
      {"keys/shared.key",
       from_text("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f\n")},
      {"keys/stranger.key", stranger},
      {"keys/owner.identity", identity_file(kOwner)},
      {"keys/stranger.identity", identity_file(kStranger)},
      {"keys/passphrase", from_text(kPassphrase)},
      {"keys/other.passphrase", from_text("other")},
  };
}

}  // namespace adapipe::testing
