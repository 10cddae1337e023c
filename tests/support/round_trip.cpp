#include "support/round_trip.hpp"

#include <fstream>
#include <iterator>
#include <memory>

#include "api/pipeline_plan.hpp"
#include "api/process_job.hpp"
#include "graph/operation_state.hpp"
#include "support/fixed_random.hpp"
#include "support/stages.hpp"

namespace adapipe::testing {

const std::vector<NamedRuntime>& test_runtimes() {
  static const std::vector<NamedRuntime> runtimes{
      {"serial", Runtime::serial()},
      {"1 worker", Runtime({.worker_threads = 1})},
      {"2 workers", Runtime({.worker_threads = 2})},
      {"8 workers", Runtime({.worker_threads = 8})},
  };
  return runtimes;
}

Pipeline NamedPipeline::build(std::size_t chunk_bytes, const Runtime& runtime) const {
  Pipeline::Builder builder;
  for (const auto& stage : stages) builder.add(stage);
  if (cipher) builder.add(*cipher);
  return builder.chunk_size(ChunkSize::from_bytes(chunk_bytes)).runtime(runtime).build();
}

RestoreOptions NamedPipeline::restore_options(const SharedKey& key, const Runtime& runtime) const {
  RestoreOptions options{.registry = registry_of(stages), .runtime = runtime};
  if (encrypted) options.identities.push_back(key);
  return options;
}

std::vector<NamedPipeline> pipeline_kinds(const SharedKey& key) {
  const CipherOptions options{.recipients = {key}};
  const auto plain = std::nullopt;
  return {
      {"nothing", false, {}, plain},
      {"zstd", false, {zstd()}, plain},
      {"xor", false, {xor_stage()}, plain},
      {"skip bits", false, {every_other_stage(), zstd()}, plain},
      {"lonely", false, {lonely_stage(), zstd()}, plain},
      {"lonely in the middle", true, {xor_stage(), lonely_stage(), zstd()}, aes_256_gcm(options)},
      {"AES-256-GCM", true, {}, aes_256_gcm(options)},
      {"AES-128-GCM", true, {}, aes_128_gcm(options)},
      {"ChaCha20-Poly1305", true, {}, chacha20_poly1305(options)},
      {"zstd, AES-256-GCM", true, {zstd()}, aes_256_gcm(options)},
      {"xor, skips, zstd, ChaCha20",
       true,
       {xor_stage(), every_other_stage(), zstd()},
       chacha20_poly1305(options)},
  };
}

Bytes process_with_fixed_keys(const Pipeline& pipeline, Source source, ProcessOptions options) {
  FixedRandom random;
  return process_with_keys_of(random, pipeline, std::move(source), std::move(options));
}

Bytes process_with_keys_of(RandomSource& random, const Pipeline& pipeline, Source source,
                           ProcessOptions options) {
  Bytes sealed;
  start_with_keys_of(random, pipeline, std::move(source), Sink::memory(sealed), std::move(options))
      .get();
  return sealed;
}

Operation start_with_keys_of(RandomSource& random, const Pipeline& pipeline, Source source,
                             Sink sink, ProcessOptions options) {
  StartOptions start{.stop = options.stop,
                     .on_progress = options.on_progress,
                     .max_in_flight = options.max_in_flight};
  return OperationState::start(
      *pipeline.plan().runtime,
      std::make_unique<ProcessJob>(pipeline.plan(), std::move(source), std::move(sink),
                                   std::move(options), random),
      std::move(start));
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return from_text(std::string(std::istreambuf_iterator<char>(file), {}));
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

}  // namespace adapipe::testing
