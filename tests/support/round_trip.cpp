#include "support/round_trip.hpp"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <thread>

#include "api/pipeline_plan.hpp"
#include "api/process_job.hpp"
#include "graph/operation_state.hpp"
#include "support/fixed_random.hpp"
#include "support/stages.hpp"

namespace adapipe::testing {

namespace {

std::string as_string(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes from_string(const std::string& text) { return from_text(text); }

struct Pipe {
  Pipe() {
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  }
  ~Pipe() {
    ::close(ends[0]);
    close_write();
  }
  void close_write() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  int ends[2];
};

void write_all(int fd, const Bytes& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n <= 0) return;
    done += static_cast<std::size_t>(n);
  }
}

Bytes read_all(int fd) {
  Bytes all;
  Bytes part(1 << 16);
  for (ssize_t n = 0; (n = ::read(fd, part.data(), part.size())) > 0;)
    all.insert(all.end(), part.begin(), part.begin() + n);
  return all;
}

}  // namespace

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

std::vector<SourceKind> source_kinds() {
  return {
      {"memory",
       [](const Bytes& bytes, const auto&, const auto& use) { use(Source::memory(bytes)); }},
      {"owned memory",
       [](const Bytes& bytes, const auto&, const auto& use) { use(Source::owned(bytes)); }},
      {"file",
       [](const Bytes& bytes, const std::filesystem::path& dir, const auto& use) {
         write_file(dir / "source", bytes);
         use(dir / "source");
       }},
      {"slice",
       [](const Bytes& bytes, const auto&, const auto& use) {
         Bytes wider = from_text("before");
         wider.insert(wider.end(), bytes.begin(), bytes.end());
         wider.push_back(std::byte{1});
         use(Source::slice(Source::memory(wider), 6, bytes.size()));
       }},
      {"istream",
       [](const Bytes& bytes, const auto&, const auto& use) {
         std::istringstream stream(as_string(bytes));
         use(Source::from(stream));
       }},
      {"pipe",
       [](const Bytes& bytes, const auto&, const auto& use) {
         Pipe pipe;
         std::jthread writer([&] {
           write_all(pipe.ends[1], bytes);
           pipe.close_write();
         });
         use(Source::fd(pipe.ends[0]));
       }},
  };
}

std::vector<SinkKind> sink_kinds() {
  return {
      {"memory",
       [](const auto&, const auto& use) {
         Bytes bytes = from_text("gone");
         use(Sink::memory(bytes));
         return bytes;
       }},
      {"file",
       [](const std::filesystem::path& dir, const auto& use) {
         use(Sink::file(dir / "sink", {.overwrite = true, .durable = false}));
         return read_file(dir / "sink");
       }},
      {"ostream",
       [](const auto&, const auto& use) {
         std::ostringstream stream;
         use(Sink::to(stream));
         return from_string(stream.str());
       }},
      {"pipe",
       [](const auto&, const auto& use) {
         Pipe pipe;
         Bytes bytes;
         std::jthread reader([&] { bytes = read_all(pipe.ends[0]); });
         use(Sink::fd(pipe.ends[1]));
         pipe.close_write();
         reader.join();
         return bytes;
       }},
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
  return from_string({std::istreambuf_iterator<char>(file), {}});
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

}  // namespace adapipe::testing
