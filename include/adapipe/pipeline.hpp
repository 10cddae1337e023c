#pragma once

#include <adapipe/chunk.hpp>
#include <adapipe/container.hpp>
#include <adapipe/export.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/rate_limit.hpp>
#include <adapipe/report.hpp>
#include <adapipe/runtime.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <adapipe/stage.hpp>
#include <adapipe/stages.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace adapipe::inline v0_1 {

class PipelinePlan;

/// UTF-8 keys and values stored in the container: readable without a key, authenticated with one.
/// Keys are unique; at most 64 KiB in all.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct ProcessOptions {
  std::stop_token stop{};  ///< a stop requested here cancels the operation
  /// Called at most about ten times a second and once at the end, never concurrently, on a thread
  /// of the Runtime. Throwing fails the operation.
  std::function<void(const Progress&)> on_progress{};
  /// Associated data that must be given again to open the container; never stored.
  std::vector<std::byte> context{};
  Metadata metadata{};
  /// The most chunks held at once; 0: 2 x workers + 2, less when memory or the input says so.
  std::size_t max_in_flight = 0;
  /// How fast bytes are read from the source, or taken by a Writer.
  std::optional<RateLimit> rate_limit{};
};

/// A validated chain of stages. Immutable, thread-safe, reusable; copies share, and moving copies.
class ADAPIPE_API Pipeline {
 public:
  class Builder;

  Pipeline(const Pipeline&) noexcept = default;
  Pipeline& operator=(const Pipeline&) noexcept = default;

  /// Sends all of `source` through the stages into a container at `sink`, and waits.
  /// Throws Error; the sink then holds what it held before (streams: see Sink).
  /// Error(invalid_argument) for metadata or a context that the container has no place for.
  Report process(Source source, Sink sink, ProcessOptions options = {}) const;

  /// The same, without waiting.
  Operation start(Source source, Sink sink, ProcessOptions options = {}) const;

  /// Bytes of the Runtime's budget that so many chunks of this size take while they are processed
  /// at once: two buffers each, as big as the stages can make them, and the codec contexts of the
  /// workers that the chunks can occupy. SIZE_MAX if it is more.
  std::size_t bytes_in_flight(ChunkSize size, std::size_t chunks = 1) const;

  const PipelinePlan& plan() const noexcept { return *plan_; }

 private:
  explicit Pipeline(std::shared_ptr<const PipelinePlan> plan) noexcept : plan_(std::move(plan)) {}
  std::shared_ptr<const PipelinePlan> plan_;
};

/// Collects the parts of a pipeline; build() checks them as a whole. Not thread-safe.
class ADAPIPE_API Pipeline::Builder {
 public:
  Builder();
  Builder(Builder&&) noexcept;
  Builder& operator=(Builder&&) noexcept;
  ~Builder();

  /// Stages run in the order in which they are added; at most 16, and any number of taps,
  /// before the cipher.
  Builder& add(std::shared_ptr<const Stage> stage);
  /// Encrypts; must come last, once. Without it the container detects accidents, not attackers.
  Builder& add(Cipher cipher);
  /// Default: Container::adapipe.
  Builder& container(Container container);
  /// Default: adaptive, 256 KiB .. 4 MiB by input size and worker count; within these bounds, no
  /// more than the memory budget has room for.
  Builder& chunk_size(ChunkSize size);
  /// Default: Runtime::shared().
  Builder& runtime(Runtime runtime);

  /// Throws Error(invalid_pipeline) naming the stage: a stage after the cipher, two ciphers, a
  /// cipher without a recipient, a cipher of the host's own with a number that is not the host's,
  /// too many stages or recipients, and what the container does not allow, as a stage that cannot
  /// be undone.
  Pipeline build() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace adapipe::inline v0_1
