#include "support/tamper_subjects.hpp"

#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "support/endpoints.hpp"
#include "support/stages.hpp"
#include "support/tamper.hpp"

namespace adapipe::testing {

namespace {

constexpr std::size_t kChunk = 4096;

/// Chunks that shrink to a few bytes, each another, and a last one that does not shrink: it skips
/// every stage, and the second one skips the first.
Bytes plain_bytes(std::uint64_t seed) {
  Bytes plain;
  for (std::uint64_t chunk = 0; chunk < 3; ++chunk)
    plain.resize(plain.size() + kChunk, std::byte(16 * seed + chunk + 1));
  return joined(std::move(plain), random_bytes(21, seed));
}

struct Recipe {
  const char* name;
  std::vector<std::shared_ptr<const Stage>> stages;
  std::optional<Cipher> cipher;
  std::size_t plain_bytes;  // of plain_bytes(), from its end
  bool known_size;
  ProcessOptions options{};
};

Bytes seal(const Recipe& recipe, const Bytes& plain) {
  Pipeline::Builder builder;
  for (const auto& stage : recipe.stages) builder.add(stage);
  if (recipe.cipher) builder.add(*recipe.cipher);
  const Pipeline pipeline =
      builder.chunk_size(ChunkSize::from_bytes(kChunk)).runtime(Runtime::serial()).build();
  Source source = recipe.known_size ? Source::memory(plain)
                                    : Source(std::make_unique<HookedStream>(plain, BeforeCall()));
  Bytes sealed;
  pipeline.process(std::move(source), Sink::memory(sealed), recipe.options);
  return sealed;
}

Subject make_subject(const Recipe& recipe, const SharedKey& key) {
  const auto end_of = [&recipe](const Bytes& plain) {
    return Bytes(plain.end() - static_cast<std::ptrdiff_t>(recipe.plain_bytes), plain.end());
  };
  Subject subject{.name = recipe.name, .chunk_bytes = kChunk, .plain = end_of(plain_bytes(1))};
  subject.sealed = seal(recipe, subject.plain);
  subject.sibling = seal(recipe, subject.plain);
  subject.cousin = seal(recipe, end_of(plain_bytes(2)));
  subject.encrypted = recipe.cipher.has_value();
  if (subject.encrypted) subject.options.identities.push_back(key);
  subject.options.context = recipe.options.context;
  subject.options.registry = registry_of(recipe.stages);
  return subject;
}

}  // namespace

const std::vector<Subject>& tamper_subjects() {
  static const std::vector<Subject> made = [] {
    const SharedKey key = SharedKey::generate();
    const CipherOptions us{.recipients = {key}};
    const std::size_t all = plain_bytes(1).size();
    const ProcessOptions named{.metadata = {{"name", "in.bin"}}};
    const ProcessOptions bound{.context = from_text("backup 7"), .metadata = {{"k", ""}}};
    const Recipe recipes[] = {
        {"integrity 1", {every_other_stage(), zstd()}, {}, all, true, named},
        {"AES-256-GCM", {every_other_stage(), zstd()}, aes_256_gcm(us), all, true, bound},
        {"ChaCha20", {every_other_stage(), zstd()}, chacha20_poly1305(us), all, false, named},
        {"AES-128-GCM", {zstd()}, aes_128_gcm(us), all, false},
        {"integrity 1, no stage", {}, {}, 21, false},
        {"ChaCha20, no stage", {}, chacha20_poly1305(us), 21, true},
        {"integrity 1, empty", {}, {}, 0, true},
        {"AES-256-GCM, empty", {}, aes_256_gcm(us), 0, false, bound},
        {"integrity 1, one byte", {zstd()}, {}, 1, true},
        {"AES-256-GCM, one byte", {}, aes_256_gcm(us), 1, false},
    };
    std::vector<Subject> out;
    for (const Recipe& recipe : recipes) out.push_back(make_subject(recipe, key));
    return out;
  }();
  return made;
}

}  // namespace adapipe::testing
