#include "api/container_access.hpp"

#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "api/zstd_access.hpp"
#include "cipher/openssl_aead.hpp"
#include "codec/zstd_frame.hpp"
#include "graph/failure_latch.hpp"
#include "graph/restore_parts.hpp"
#include "graph/zstd_parts.hpp"

namespace adapipe::inline v0_1 {
namespace {

ContainerInfo describe(const Header& header, std::uint64_t container_bytes) {
  ContainerInfo info;
  if (header.integrity == Integrity::aead) {
    const char* const name = cipher_name(header.cipher);
    info.cipher = name ? name : "cipher " + std::to_string(header.cipher);
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

OpenOptions open_options(const AccessOptions& options) {
  return {.identities = options.identities,
          .context = options.context,
          .allow_unencrypted = options.allow_unencrypted,
          .stop = options.stop,
          .registry = options.registry};
}

/// Gives `front` once more, and then what `read` gives.
ReadFull read_after(ByteSpan front, const ReadFull& read) {
  return [front, &read](std::span<std::byte> to) mutable {
    const std::size_t again = std::min(front.size(), to.size());
    std::copy_n(front.begin(), again, to.begin());
    front = front.subspan(again);
    return again + (again < to.size() ? read(to.subspan(again)) : 0);
  };
}

StageChain chain_of(const OpenedContainer& container, const AccessOptions& options) {
  return {Direction::backward, make_stages(container.header, options.registry), container.keys,
          container.header};
}

}  // namespace

std::vector<std::shared_ptr<const Stage>> make_stages(const Header& header,
                                                      const StageRegistry& registry) {
  std::vector<std::shared_ptr<const Stage>> stages;
  for (const StageInfo& info : header.stages) {
    try {
      stages.push_back(registry.make(info));
    } catch (...) {
      throw FailureLatch::current_exception_as_error(errc::stage_failed).in_stage(info.id);
    }
  }
  return stages;
}

OpenSource open_positional(Source&& source) {
  OpenSource opened{std::move(source).open(), nullptr};
  opened.positional = dynamic_cast<PositionalSourceImpl*>(opened.owner.get());
  if (!opened.positional)
    throw Error(errc::invalid_argument, "random access needs a file or memory, not a stream")
        .in_file(opened.owner->name());
  return opened;
}

ReserveMemory at_most(std::uint64_t max_bytes) {
  return [max_bytes, taken = std::uint64_t{0}](std::size_t bytes) mutable {
    taken += bytes;
    if (taken > max_bytes)
      throw Error(errc::resource_exhausted, "the index would take " + std::to_string(taken) +
                                                " bytes of memory, more than the allowed " +
                                                std::to_string(max_bytes));
  };
}

IndexedInput open_indexed(PositionalSourceImpl& source, const AccessOptions& options,
                          const ReserveMemory& reserve) {
  if (is_zstd_file(source, options.stop)) {
    refuse_if_key_expected(open_options(options));
    return open_indexed_zstd(source, options, reserve);
  }
  OpenedContainer container =
      open_container(read_full_from(source, options.stop), open_options(options));
  StageChain chain = chain_of(container, options);
  Index index = read_index(source, container, reserve, options.stop);
  ContainerInfo info = describe(container.header, source.total_bytes());
  info.authenticated = container.header.integrity == Integrity::aead;
  info.opened_slot = container.opened_slot;
  if (container.keys.cipher) info.cipher = container.keys.cipher->name();
  add_index(info, index);
  return {std::make_unique<IndexedRecordReader>(source, std::move(chain), std::move(container),
                                                std::move(index), options.read_stop),
          std::move(info)};
}

std::unique_ptr<StoredReader> open_to_restore(SourceImpl& source, const AccessOptions& options,
                                              std::uint64_t max_plain_bytes,
                                              MemoryAccount& memory) {
  if (auto* const positional = dynamic_cast<PositionalSourceImpl*>(&source)) {
    if (!is_zstd_file(*positional, options.stop))
      return open_indexed(*positional, options,
                          [&memory](std::size_t bytes) { memory.charge(bytes); })
          .reader;
    refuse_if_key_expected(open_options(options));
    return open_zstd_to_restore(*positional, options, max_plain_bytes, memory);
  }
  std::array<std::byte, kZstdMagicBytes> bytes;
  const ReadFull read = read_full_from(source, options.stop);
  const ByteSpan front = ByteSpan(bytes).first(read(bytes));
  if (starts_as_zstd(front)) {
    refuse_if_key_expected(open_options(options));
    return std::make_unique<ZstdStreamReader>(source, front, max_plain_bytes, memory,
                                              options.read_stop);
  }
  OpenedContainer container = open_container(read_after(front, read), open_options(options));
  StageChain chain = chain_of(container, options);
  return std::make_unique<StreamRecordReader>(source, std::move(chain), std::move(container),
                                              max_plain_bytes, memory, options.read_stop);
}

ContainerInfo describe_unopened(PositionalSourceImpl& source, const ReserveMemory& reserve) {
  if (is_zstd_file(source, {})) return describe_zstd(source, reserve);
  const Header header = read_header(read_full_from(source));
  ContainerInfo info = describe(header, source.total_bytes());
  if (header.integrity == Integrity::aead) return info;
  const ListOf<Identity> none;
  const OpenedContainer container = open_container(
      read_full_from(source),
      {.identities = none, .context = {}, .allow_unencrypted = true, .stop = {}, .registry = {}});
  add_index(info, read_index(source, container, reserve));
  return info;
}

}  // namespace adapipe::inline v0_1
