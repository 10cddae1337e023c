#include <unistd.h>

#include <adapipe/reader.hpp>
#include <adapipe/sink.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "commands.hpp"
#include "endpoints.hpp"
#include "open_reader.hpp"

namespace tool {
namespace {

constexpr std::uint64_t kBlockBytes = 8 * 1024 * 1024;  // read and written at a time

/// Sends plain bytes `from` .. `to` on; a stop ends it between blocks or in a blocked write.
void copy_range(const adapipe::Reader& reader, std::uint64_t from, std::uint64_t to,
                adapipe::SinkImpl& sink, const std::stop_token& stop) {
  std::vector<std::byte> block(static_cast<std::size_t>(std::min(to - from, kBlockBytes)));
  for (std::uint64_t at = from; at < to;) {
    if (stop.stop_requested())
      throw adapipe::Error(adapipe::errc::cancelled, "the operation was cancelled");
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(to - at, block.size()));
    const std::size_t got = reader.read_at(at, std::span(block).first(wanted));
    sink.write(std::span(block).first(got));
    at += got;
  }
}

void write_range(const Options& options, const adapipe::Reader& reader,
                 const std::stop_token& stop) {
  const std::uint64_t from = std::min(options.offset_bytes, reader.size());
  const std::uint64_t left = reader.size() - from;
  const std::uint64_t length = std::min(options.length_bytes.value_or(left), left);
  const std::unique_ptr<adapipe::SinkImpl> sink =
      adapipe::Sink::fd(STDOUT_FILENO, "stdout").open({});
  const std::stop_callback wake(stop, [&] { sink->cancel(); });
  try {
    copy_range(reader, from, from + length, *sink, stop);
  } catch (...) {
    sink->abandon();
    throw;
  }
  sink->commit();
}

}  // namespace

ExitCode run_cat(const Options& options, const std::stop_token& stop) {
  const std::string& input = options.inputs.front();
  try {
    refuse_folder(input);
    const adapipe::Reader reader = open_reader(options, stop);
    write_range(options, reader, stop);
  } catch (...) {
    return report_failure(input_name(input));
  }
  return ExitCode::ok;
}

}  // namespace tool
