#pragma once

#include <adapipe/export.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/report.hpp>
#include <adapipe/runtime.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

namespace adapipe::inline v0_1 {

struct RestoreOptions {
  ListOf<Identity> identities{};  ///< tried in order; the first that fits opens
  std::stop_token stop{};         ///< a stop requested here cancels the operation
  /// As ProcessOptions::on_progress.
  std::function<void(const Progress&)> on_progress{};
  std::vector<std::byte> context{};  ///< as given to process
  StageRegistry registry{};          ///< which stages can be undone
  std::optional<Runtime> runtime{};  ///< default: Runtime::shared()
  /// Accept a container that is not encrypted although identities are given. Off, so that nobody
  /// without the key can substitute one.
  bool allow_unencrypted = false;
  /// Error(limit_exceeded) beyond this many plain bytes.
  std::uint64_t max_plain_bytes = UINT64_MAX;
  std::size_t max_in_flight = 0;  ///< as ProcessOptions::max_in_flight
};

/// Writes the plain bytes of the container at `source` to `sink`, and waits. A file sink shows
/// nothing before the last check has passed; a stream gets bytes as they are authenticated, and
/// what counts is that the call returned. Throws Error.
ADAPIPE_API Report restore(Source source, Sink sink, RestoreOptions options = {});
ADAPIPE_API Operation start_restore(Source source, Sink sink, RestoreOptions options = {});

/// Authenticates and decodes every chunk and writes nothing.
ADAPIPE_API Report verify(Source source, RestoreOptions options = {});
ADAPIPE_API Operation start_verify(Source source, RestoreOptions options = {});

}  // namespace adapipe::inline v0_1
