#pragma once

#include <adapipe/export.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/rate_limit.hpp>
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
  /// Slot after slot is tried with all of them, in this order; the first that fits opens.
  ListOf<Identity> identities{};
  std::stop_token stop{};  ///< a stop requested here cancels the operation
  /// As ProcessOptions::on_progress.
  std::function<void(const Progress&)> on_progress{};
  std::vector<std::byte> context{};  ///< as given to process
  StageRegistry registry{};          ///< which stages and ciphers can be undone
  std::optional<Runtime> runtime{};  ///< default: Runtime::shared()
  /// Accept a container that is not encrypted although identities are given. Off, so that nobody
  /// without the key can substitute one.
  bool allow_unencrypted = false;
  /// Error(limit_exceeded) beyond this many plain bytes.
  std::uint64_t max_plain_bytes = UINT64_MAX;
  std::size_t max_in_flight = 0;  ///< as ProcessOptions::max_in_flight
  /// How fast bytes of the container are read, its header and index included.
  std::optional<RateLimit> rate_limit{};
};

/// Writes the plain bytes of the container at `source` to `sink`, and waits. A file sink shows
/// nothing before the last check has passed; a stream gets bytes as they are authenticated, and
/// what counts is that the call returned. Throws Error.
///
/// A zstd file (.zst) is restored as well, as a container without encryption: whatever zstd, pzstd
/// or others have made, without a dictionary. Its frames are decoded in parallel if the source can
/// be read at any offset, and they say their sizes, of at most 64 MiB and a quarter of the
/// Runtime's memory; else one after the other, in pieces of 1 MiB, which Report::chunks then
/// counts. In errors, chunks are frames.
ADAPIPE_API Report restore(Source source, Sink sink, RestoreOptions options = {});
ADAPIPE_API Operation start_restore(Source source, Sink sink, RestoreOptions options = {});

/// Authenticates and decodes every chunk and writes nothing.
ADAPIPE_API Report verify(Source source, RestoreOptions options = {});
ADAPIPE_API Operation start_verify(Source source, RestoreOptions options = {});

}  // namespace adapipe::inline v0_1
