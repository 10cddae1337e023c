#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <adapipe/reader.hpp>
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "api/container_access.hpp"
#include "cipher/openssl_aead.hpp"
#include "container/open.hpp"
#include "graph/failure_latch.hpp"
#include "graph/restore_parts.hpp"
#include "graph/stage_chain.hpp"
#include "memory/chunk_cache.hpp"

namespace adapipe::inline v0_1 {

namespace {

ContainerInfo describe(const Header& header, std::uint64_t container_bytes) {
  ContainerInfo info;
  if (header.integrity == Integrity::aead) {
    const auto cipher = openssl_aead(header.cipher);
    info.cipher = cipher ? cipher->name() : "unknown";
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
      : source_(open_positional(std::move(source))), cache_(options.cache_bytes) {
    try {
      container_ = open_container(read_full_from(*source_.positional),
                                  {.identities = options.identities,
                                   .context = options.context,
                                   .allow_unencrypted = options.allow_unencrypted,
                                   .stop = options.stop});
      chain_.emplace(Direction::backward, make_stages(container_.header, options.registry),
                     container_.keys, container_.header);
      index_ = read_index(*source_.positional, container_, at_most(options.max_index_memory_bytes));
      records_.emplace(*source_.positional, container_, index_, *chain_);
      workers_.emplace(*chain_, 0);
    } catch (...) {
      throw FailureLatch::current_exception_as_error(errc::io_error).in_file(source_.owner->name());
    }
    info_ = describe(container_.header, source_.positional->total_bytes());
    info_.authenticated = container_.header.integrity == Integrity::aead;
    info_.opened_slot = container_.opened_slot;
    add_index(info_, index_);
  }

  std::uint64_t size() const noexcept { return index_.plain_total(); }
  const ContainerInfo& info() const noexcept { return info_; }

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to) {
    std::size_t done = 0;
    while (done < to.size() && offset + done < size()) {
      const std::uint64_t chunk = records_->chunk_at(offset + done);
      const std::shared_ptr<const CachedChunk> decoded = decoded_chunk(chunk);
      const std::uint64_t skip = offset + done - records_->plain_offset(chunk);
      const std::size_t bytes =
          std::min<std::size_t>(to.size() - done, decoded->data.size() - skip);
      std::memcpy(to.data() + done, decoded->data.data() + skip, bytes);
      done += bytes;
    }
    return done;
  }

 private:
  std::shared_ptr<const CachedChunk> decoded_chunk(std::uint64_t chunk) {
    if (auto cached = cache_.find(chunk)) return cached;
    ChunkSlot slot;
    slot.restart(chunk);
    try {
      records_->read(slot, true);
    } catch (...) {
      throw FailureLatch::current_exception_as_error(errc::io_error).at_chunk(chunk);
    }
    const ChainWorkers::Lease worker(*workers_, 0);
    try {
      for (const StepGroup& group : chain_->groups()) worker->run(group, slot);
    } catch (Error& error) {
      records_->locate(error, slot);
      throw;
    }
    const std::span<const std::byte> data = slot.data;
    auto decoded = std::make_shared<CachedChunk>(CachedChunk{std::move(slot.front()), data});
    cache_.insert(chunk, decoded);
    return decoded;
  }

  OpenSource source_;
  OpenedContainer container_;
  Index index_;
  std::optional<StageChain> chain_;
  std::optional<IndexedRecordReader> records_;
  std::optional<ChainWorkers> workers_;
  ChunkCache cache_;
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
