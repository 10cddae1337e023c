#include <adapipe/pipeline.hpp>
#include <adapipe/taps.hpp>
#include <utility>

#include "batch.hpp"
#include "commands.hpp"
#include "endpoints.hpp"
#include "keys.hpp"

namespace tool {
namespace {

adapipe::Cipher make_cipher(const std::string& name, adapipe::CipherOptions options) {
  if (name == "chacha20-poly1305") return adapipe::chacha20_poly1305(std::move(options));
  if (name == "aes-128-gcm") return adapipe::aes_128_gcm(std::move(options));
  return adapipe::aes_256_gcm(std::move(options));
}

adapipe::Pipeline make_pipeline(const Options& options, const Trace& trace,
                                const std::stop_token& stop) {
  adapipe::Pipeline::Builder builder;
  if (!options.checksum.empty()) builder.add(adapipe::sha256());
  if (options.codec == "zstd")
    builder.add(adapipe::zstd({.level = adapipe::adaptive(
                                   options.level, options.highest_level.value_or(options.level))}));
  if (options.chunk_bytes) builder.chunk_size(adapipe::ChunkSize::from_bytes(*options.chunk_bytes));
  if (options.container == "zstd") builder.container(adapipe::Container::zstd_seekable);
  builder.runtime(make_runtime(options, trace));
  if (options.cipher != "none")
    builder.add(make_cipher(options.cipher, {.recipients = load_recipients(options.keys, stop)}));
  return builder.build();
}

}  // namespace

ExitCode run_process(const Options& options, const std::stop_token& stop) {
  check_output(options);
  Trace trace(options);
  const adapipe::Pipeline pipeline = make_pipeline(options, trace, stop);
  const ExitCode code =
      run_at_once(options, stop, [&](const std::string& input, const std::string& output) {
        return pipeline.start(open_source(input), open_sink(output, input, options.force),
                              {.stop = stop, .rate_limit = options.rate_limit});
      });
  trace.write();
  return code;
}

}  // namespace tool
