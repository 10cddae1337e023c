#pragma once

#include <adapipe/adapipe.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/thrown.hpp"
#include "util/random.hpp"

namespace adapipe::testing {

struct NamedRuntime {
  std::string name;
  Runtime runtime;
};
/// The serial one, and 1, 2 and 8 workers; the same four every time.
const std::vector<NamedRuntime>& test_runtimes();

/// Pipelines of every kind: no stage, each codec and cipher, both, custom stages, skip bits, a
/// stage with a concurrency limit.
struct NamedPipeline {
  std::string name;
  bool encrypted;
  std::vector<std::shared_ptr<const Stage>> stages;
  std::optional<Cipher> cipher;

  Pipeline build(std::size_t chunk_bytes, const Runtime& runtime) const;
  RestoreOptions restore_options(const SharedKey& key, const Runtime& runtime) const;
};
std::vector<NamedPipeline> pipeline_kinds(const SharedKey& key);

/// A container whose file key and salts are always the same, so that two of them can be compared.
Bytes process_with_fixed_keys(const Pipeline& pipeline, Source source, ProcessOptions options = {});
/// The same with a file key and salts that come from `random`, in this order.
Bytes process_with_keys_of(RandomSource& random, const Pipeline& pipeline, Source source,
                           ProcessOptions options = {});

/// As Pipeline::start, with a file key and salts that come from `random`, which must outlive it.
Operation start_with_keys_of(RandomSource& random, const Pipeline& pipeline, Source source,
                             Sink sink, ProcessOptions options = {});

Bytes read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace adapipe::testing
