#include <adapipe/error.hpp>
#include <adapipe/reader.hpp>
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "api/container_access.hpp"
#include "api/read_range_job.hpp"
#include "api/steps.hpp"
#include "cipher/openssl_aead.hpp"
#include "container/open.hpp"
#include "graph/failure_latch.hpp"
#include "graph/operation_state.hpp"
#include "graph/restore_parts.hpp"
#include "graph/stage_chain.hpp"
#include "memory/chunk_cache.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// Less than this is decoded sooner than an operation is started.
constexpr std::size_t kParallelBytes = 256 * 1024;

ContainerInfo describe(const Header& header, std::uint64_t container_bytes) {
  ContainerInfo info;
  if (header.integrity == Integrity::aead) {
    const char* const name = cipher_name(header.cipher);
    info.cipher = name ? name : "unknown";
  }
  info.stages = header.stages;
  for (const Slot& slot : header.slots) info.slot_types.push_back(slot.type);
  info.chunk_bytes = header.chunk_bytes;
  info.plain_bytes = header.plain_bytes;
  info.container_bytes = container_bytes;
  info.metadata = header.metadata;
  return info;
}

void add_index(ContainerInfo& info, const Index& index) {
  info.chunks = index.chunks();
  info.plain_bytes = index.plain_total();
}

}  // namespace

OpenSource open_positional(Source&& source) {
  OpenSource opened{std::move(source).open(), nullptr};
  opened.positional = dynamic_cast<PositionalSourceImpl*>(opened.owner.get());
  if (!opened.positional)
    throw Error(errc::invalid_argument, "random access needs a file or memory, not a stream")
        .in_file(opened.owner->name());
  return opened;
}

ReserveMemory at_most(std::uint64_t max_bytes) {
  return [max_bytes](std::size_t bytes) {
    if (bytes > max_bytes)
      throw Error(errc::resource_exhausted, "the index would take " + std::to_string(bytes) +
                                                " bytes of memory, more than the allowed " +
                                                std::to_string(max_bytes));
  };
}

class Reader::Impl {
 public:
  Impl(Source source, const ReaderOptions& options)
      : container_(open(std::move(source), options)),
        workers_(*container_->chain, 0),
        cache_(options.cache_bytes),
        runtime_(options.runtime) {
    const Header& header = container_->opened.header;
    info_ = describe(header, container_->source.positional->total_bytes());
    info_.authenticated = header.integrity == Integrity::aead;
    info_.opened_slot = container_->opened.opened_slot;
    add_index(info_, container_->index);
  }

  std::uint64_t size() const noexcept { return container_->index.plain_total(); }
  const ContainerInfo& info() const noexcept { return info_; }

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) {
    to = cut(offset, to);
    if (!read_in_parallel(offset, to)) read_chunk_by_chunk(offset, to);
    return to.size();
  }

  Operation start_read(std::uint64_t offset, std::span<std::byte> to) {
    return OperationState::start(runtime(), job(offset, cut(offset, to)), {});
  }

 private:
  static std::shared_ptr<const ReadableContainer> open(Source source,
                                                       const ReaderOptions& options) {
    const auto container = std::make_shared<ReadableContainer>();
    container->source = open_positional(std::move(source));
    PositionalSourceImpl& from = *container->source.positional;
    return about(from.name(), [&] {
      container->opened = open_container(read_full_from(from, options.stop),
                                         {.identities = options.identities,
                                          .context = options.context,
                                          .allow_unencrypted = options.allow_unencrypted,
                                          .stop = options.stop});
      const OpenedContainer& opened = container->opened;
      container->chain.emplace(Direction::backward, make_stages(opened.header, options.registry),
                               opened.keys, opened.header);
      container->index = read_index(from, opened, at_most(options.max_index_memory_bytes));
      container->records.emplace(from, opened, container->index, *container->chain);
      return container;
    });
  }

  /// false: it is too little to be worth it, or the Runtime has no room for it. That is not waited
  /// for: it may be an operation that waits for this thread, such as a Writer's, that has it.
  bool read_in_parallel(std::uint64_t offset, std::span<std::byte> to) const {
    if (to.size() < kParallelBytes || range_of(offset, to).count == 1) return false;
    try {
      OperationState::run(runtime(), job(offset, to), {.may_queue = false});
    } catch (const Error& error) {
      if (error.kind() != errc::resource_exhausted) throw;
      return false;
    }
    return true;
  }

  void read_chunk_by_chunk(std::uint64_t offset, std::span<std::byte> to) {
    for (std::size_t done = 0; done < to.size();) {
      const std::uint64_t chunk = container_->records->chunk_at(offset + done);
      const std::shared_ptr<const CachedChunk> decoded = decoded_chunk(chunk);
      const std::uint64_t skip = offset + done - container_->records->plain_offset(chunk);
      const std::size_t bytes =
          std::min<std::size_t>(to.size() - done, decoded->data.size() - skip);
      std::memcpy(to.data() + done, decoded->data.data() + skip, bytes);
      done += bytes;
    }
  }

  Runtime runtime() const { return runtime_ ? *runtime_ : Runtime::shared(); }

  /// What there is to be read of `to`.
  std::span<std::byte> cut(std::uint64_t offset, std::span<std::byte> to) const noexcept {
    if (offset >= size()) return {};
    return to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size() - offset)));
  }

  ChunkRange range_of(std::uint64_t offset, std::span<const std::byte> to) const noexcept {
    if (to.empty()) return {};
    const std::uint64_t first = container_->records->chunk_at(offset);
    return {first, container_->records->chunk_at(offset + to.size() - 1) - first + 1};
  }

  std::unique_ptr<Job> job(std::uint64_t offset, std::span<std::byte> to) const {
    return std::make_unique<ReadRangeJob>(container_, range_of(offset, to), offset, to);
  }

  std::shared_ptr<const CachedChunk> decoded_chunk(std::uint64_t chunk) {
    if (auto cached = cache_.find(chunk)) return cached;
    const IndexedRecordReader& records = *container_->records;
    ChunkSlot slot;
    slot.restart(chunk);
    try {
      located(records, slot, [&] {
        records.read_record(slot, true);
        const ChainWorkers::Lease worker(workers_, 0);
        for (const StepGroup& group : container_->chain->groups()) worker->run(group, slot);
      });
    } catch (Error& error) {
      throw error.at_chunk(chunk);
    }
    const std::span<const std::byte> data = slot.data;
    auto decoded = std::make_shared<CachedChunk>(CachedChunk{std::move(slot.front()), data});
    cache_.insert(chunk, decoded);
    return decoded;
  }

  const std::shared_ptr<const ReadableContainer> container_;  // operations have it as well
  ChainWorkers workers_;
  ChunkCache cache_;
  const std::optional<Runtime> runtime_;
  ContainerInfo info_;
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
    const Header header = read_header(read_full_from(*opened.positional));
    ContainerInfo info = describe(header, opened.positional->total_bytes());
    if (header.integrity == Integrity::aead) return info;
    const ListOf<Identity> none;
    const OpenedContainer container =
        open_container(read_full_from(*opened.positional),
                       {.identities = none, .context = {}, .allow_unencrypted = true, .stop = {}});
    add_index(info, read_index(*opened.positional, container, at_most(max_index_memory_bytes)));
    return info;
  } catch (...) {
    throw FailureLatch::current_exception_as_error(errc::io_error).in_file(opened.owner->name());
  }
}

}  // namespace adapipe::inline v0_1
