#include <adapipe/error.hpp>
#include <adapipe/reader.hpp>
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "api/container_access.hpp"
#include "api/decoded_chunks.hpp"
#include "api/read_range_job.hpp"
#include "api/sequential_reads.hpp"
#include "api/steps.hpp"
#include "graph/failure_latch.hpp"
#include "graph/operation_state.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// Less than this is decoded sooner than an operation is started.
constexpr std::size_t kParallelBytes = 256 * 1024;
/// Fewer that go on from each other may do so by chance.
constexpr std::uint64_t kSequentialReads = 3;

Runtime runtime_of(const ReaderOptions& options) {
  Runtime runtime = options.runtime ? *options.runtime : Runtime::shared();
  runtime.impl().check_not_forked();
  return runtime;
}

}  // namespace

class Reader::Impl {
 public:
  Impl(Source source, const ReaderOptions& options)
      : container_(open(std::move(source), options)),
        runtime_(runtime_of(options)),
        chunks_(std::make_unique<DecodedChunks>(reader(), info().chunk_bytes, runtime_.impl(),
                                                options.cache_bytes)) {}
  ~Impl() {
    if (!runtime_.impl().is_forked_copy()) return;
    // What threads that are not there were at is half done, and has conditions that they wait for.
    (void)chunks_.release();
    (void)std::make_unique<std::shared_ptr<const ReadableContainer>>(container_).release();
  }

  std::uint64_t size() const noexcept { return reader().plain_total(); }
  const ContainerInfo& info() const noexcept { return container_->input.info; }

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) {
    runtime_.impl().check_not_forked();
    to = cut(offset, to);
    if (to.empty()) return 0;
    const std::uint64_t in_a_row = reads_.note(offset, to.size());
    if (in_a_row >= kSequentialReads && to.size() <= chunks_->ahead_bytes())
      read_and_go_on(offset, to, in_a_row == kSequentialReads);
    else if (!read_in_parallel(offset, to))
      read_chunk_by_chunk(offset, to);
    return to.size();
  }

  Operation start_read(std::uint64_t offset, std::span<std::byte> to) {
    return OperationState::start(runtime_, job(offset, cut(offset, to)), {});
  }

 private:
  static std::shared_ptr<const ReadableContainer> open(Source source,
                                                       const ReaderOptions& options) {
    const auto container = std::make_shared<ReadableContainer>();
    container->source = open_positional(std::move(source));
    PositionalSourceImpl& from = *container->source.positional;
    return about(from.name(), [&] {
      container->input = open_indexed(from,
                                      {.identities = options.identities,
                                       .context = options.context,
                                       .registry = options.registry,
                                       .allow_unencrypted = options.allow_unencrypted,
                                       .stop = options.stop},
                                      at_most(options.max_index_memory_bytes));
      return container;
    });
  }

  /// false: it is too little to be worth it, or the Runtime has no room for it. That is not waited
  /// for: it may be an operation that waits for this thread, such as a Writer's, that has it.
  bool read_in_parallel(std::uint64_t offset, std::span<std::byte> to) const {
    if (to.size() < kParallelBytes || range_of(offset, to).count == 1) return false;
    try {
      OperationState::run(runtime_, job(offset, to), {.may_queue = false});
    } catch (const Error& error) {
      if (error.kind() != errc::resource_exhausted) throw;
      return false;
    }
    return true;
  }

  /// Has the workers decode what is likely to be read next.
  void read_and_go_on(std::uint64_t offset, std::span<std::byte> to, bool is_first) {
    const std::uint64_t last = reader().chunk_at(offset + to.size() - 1);
    if (is_first || reader().chunk_at(offset - 1) != last) chunks_->decode_ahead(last + 1);
    read_chunk_by_chunk(offset, to);
  }

  void read_chunk_by_chunk(std::uint64_t offset, std::span<std::byte> to) {
    for (std::size_t done = 0; done < to.size();) {
      const std::uint64_t chunk = reader().chunk_at(offset + done);
      const std::shared_ptr<const CachedChunk> decoded = chunks_->get(chunk);
      const std::uint64_t skip = offset + done - reader().chunk(chunk).plain_offset;
      const std::size_t bytes =
          std::min<std::size_t>(to.size() - done, decoded->data.size() - skip);
      std::memcpy(to.data() + done, decoded->data.data() + skip, bytes);
      done += bytes;
    }
  }

  const IndexedReader& reader() const noexcept { return *container_->input.reader; }

  /// What there is to be read of `to`.
  std::span<std::byte> cut(std::uint64_t offset, std::span<std::byte> to) const noexcept {
    if (offset >= size()) return {};
    return to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size() - offset)));
  }

  ChunkRange range_of(std::uint64_t offset, std::span<const std::byte> to) const noexcept {
    if (to.empty()) return {};
    const std::uint64_t first = reader().chunk_at(offset);
    return {first, reader().chunk_at(offset + to.size() - 1) - first + 1};
  }

  std::unique_ptr<Job> job(std::uint64_t offset, std::span<std::byte> to) const {
    return std::make_unique<ReadRangeJob>(container_, range_of(offset, to), offset, to);
  }

  const std::shared_ptr<const ReadableContainer> container_;  // operations have it as well
  const Runtime runtime_;
  std::unique_ptr<DecodedChunks> chunks_;
  SequentialReads reads_;
};

Reader::Reader(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Reader Reader::open(Source source, ReaderOptions options) {
  return Reader(std::make_unique<Impl>(std::move(source), options));
}

std::uint64_t Reader::size() const noexcept { return impl_->size(); }
const ContainerInfo& Reader::info() const noexcept { return impl_->info(); }

std::size_t Reader::read_at(std::uint64_t offset_bytes, std::span<std::byte> to) const {
  return impl_->read_at(offset_bytes, to);
}

Operation Reader::start_read(std::uint64_t offset_bytes, std::span<std::byte> to) const {
  return impl_->start_read(offset_bytes, to);
}

ContainerInfo inspect(Source source, std::uint64_t max_index_memory_bytes) {
  const OpenSource opened = open_positional(std::move(source));
  try {
    return describe_unopened(*opened.positional, at_most(max_index_memory_bytes));
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::io_error).in_file(opened.owner->name());
  }
}

}  // namespace adapipe::inline v0_1
