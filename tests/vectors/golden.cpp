#include <adapipe/adapipe.hpp>
#include <sstream>
#include <stdexcept>

#include "cipher/openssl_aead.hpp"
#include "container/create.hpp"
#include "container/fixture.hpp"
#include "keys/passphrase.hpp"
#include "support/round_trip.hpp"
#include "vectors/keys.hpp"
#include "vectors/vectors.hpp"

namespace adapipe::testing {
namespace {

constexpr std::size_t kChunk = 4096;

/// 0, 1, .. 250, 0, 1, ..
Bytes counting(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i % 251);
  return out;
}

const ProcessOptions kNoOptions;

/// What the engine makes of a stream.
struct Golden {
  std::string name;
  std::optional<Cipher> cipher{};
  std::vector<std::shared_ptr<const Stage>> stages{};
  Bytes plain = from_text("hello");
  ProcessOptions options = kNoOptions;
  bool plain_bytes_known = true;
};

Bytes made(const Golden& golden) {
  Pipeline::Builder builder;
  for (const auto& stage : golden.stages) builder.add(stage);
  if (golden.cipher) builder.add(*golden.cipher);
  const Pipeline pipeline =
      builder.chunk_size(ChunkSize::from_bytes(kChunk)).runtime(Runtime::serial()).build();
  if (golden.plain_bytes_known)
    return process_with_fixed_keys(pipeline, Source::memory(golden.plain), golden.options);
  std::istringstream stream{std::string(as_text(golden.plain))};
  return process_with_fixed_keys(pipeline, Source::from(stream), golden.options);
}

std::vector<Golden> sizes_and_ciphers() {
  const CipherOptions options{.recipients = {shared_vector_key()}};
  std::vector<Golden> out;
  for (const auto& [name, size] :
       std::map<std::string, std::size_t>{{"empty", 0},
                                          {"one-byte", 1},
                                          {"one-chunk-less-one", kChunk - 1},
                                          {"one-chunk", kChunk},
                                          {"one-chunk-and-one", kChunk + 1},
                                          {"several-chunks", 2 * kChunk + 100}}) {
    out.push_back({.name = "checksum-" + name, .plain = counting(size)});
    out.push_back(
        {.name = "aes-256-gcm-" + name, .cipher = aes_256_gcm(options), .plain = counting(size)});
  }
  const Bytes two_chunks = counting(kChunk + 1);
  out.push_back({.name = "aes-128-gcm", .cipher = aes_128_gcm(options), .plain = two_chunks});
  out.push_back(
      {.name = "chacha20-poly1305", .cipher = chacha20_poly1305(options), .plain = two_chunks});
  return out;
}

std::vector<Golden> recipients() {
  const Recipient scrypt = PassphraseAccess::make(kPassphrase, kCheapScrypt);
  const Recipient pbkdf2 = PassphraseAccess::make(kPassphrase, KdfCost(kCheapPbkdf2));
  const Recipient owner = vector_identity();
  const Recipient service = vector_provider();
  return {
      {.name = "slot-shared-key", .cipher = aes_256_gcm({.recipients = {shared_vector_key()}})},
      {.name = "slot-scrypt", .cipher = aes_256_gcm({.recipients = {scrypt}})},
      {.name = "slot-pbkdf2", .cipher = aes_256_gcm({.recipients = {pbkdf2}})},
      {.name = "slot-x25519", .cipher = aes_256_gcm({.recipients = {owner}})},
      {.name = "slot-provider", .cipher = aes_256_gcm({.recipients = {service}})},
      {.name = "several-recipients",
       .cipher = aes_256_gcm({.recipients = {shared_vector_key(), scrypt, owner, service}})},
  };
}

std::vector<Golden> stages_and_options() {
  const auto cipher = aes_256_gcm({.recipients = {shared_vector_key()}});
  ProcessOptions context;
  context.context = from_text("ctx");
  ProcessOptions metadata;
  metadata.metadata = {{"name", "gr\u00fc\u00dfe.txt"}, {"", "no key"}, {"no value", ""}};
  return {
      {.name = "stage-xor", .cipher = cipher, .stages = {example_xor_stage(0x2A)}},
      {.name = "stages-skipped",
       .cipher = cipher,
       .stages = {every_other_xor_stage(0x2A), example_xor_stage(0x17)},
       .plain = counting(2 * kChunk + 1)},
      {.name = "checksum-stages-skipped",
       .stages = {every_other_xor_stage(0x2A), example_xor_stage(0x17)},
       .plain = counting(2 * kChunk + 1)},
      {.name = "context", .cipher = cipher, .options = context},
      {.name = "metadata", .cipher = cipher, .options = metadata},
      {.name = "checksum-metadata", .options = metadata},
      {.name = "plain-bytes-absent", .cipher = cipher, .plain_bytes_known = false},
      {.name = "checksum-plain-bytes-absent", .plain_bytes_known = false},
  };
}

/// The containers that a second implementation wrote before there was a reader: the chunk "hello",
/// its one stage skipped, under asked_header().
Bytes as_second_implementation(std::uint16_t cipher_id) {
  std::optional<Cipher> cipher;
  if (cipher_id != 0)
    cipher = Cipher(openssl_aead(cipher_id), {.recipients = {shared_vector_key()}});
  FixedRandom random;
  const NewContainer made =
      create_container(asked_header(), cipher, as_bytes(cipher ? "ctx" : ""), random);

  const Bytes data = from_text("hello");
  RecordProtector protector(made.keys);
  RecordHeader header{.type = RecordType::chunk, .skipped = 1, .plain_bytes = 5};
  Bytes record(layout::kRecordHeaderBytes + data.size() + protector.overhead_bytes());
  protector.seal(header, data, record.data());
  Index index;
  index.add({.stored_bytes = header.stored_bytes, .plain_bytes = header.plain_bytes});

  ByteWriter out;
  out.put(made.head).put(record);
  out.put(seal_tail(index, out.bytes().size(), made.keys));
  return std::move(out).take();
}

}  // namespace

VectorFiles golden_vectors() {
  VectorFiles out;
  for (const auto& group : {sizes_and_ciphers(), recipients(), stages_and_options()})
    for (const Golden& golden : group) out["golden/" + golden.name + ".adp"] = made(golden);
  const std::string second = "golden/second-implementation-";
  out[second + "checksum.adp"] = as_second_implementation(0);
  out[second + "aes-256-gcm.adp"] = as_second_implementation(kAes256Gcm);
  out[second + "chacha20-poly1305.adp"] = as_second_implementation(kChaCha20Poly1305);
  out[second + "aes-128-gcm.adp"] = as_second_implementation(kAes128Gcm);
  return out;
}

VectorFiles all_vectors() {
  VectorFiles out;
  for (VectorFiles part : {key_files(), golden_vectors(), forged_vectors(), zstd_vectors(),
                           broken_headers(), broken_slots(), broken_records()}) {
    out.merge(part);
    if (!part.empty()) throw std::logic_error("two vectors are named " + part.begin()->first);
  }
  return out;
}

}  // namespace adapipe::testing
