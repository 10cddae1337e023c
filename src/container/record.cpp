#include "container/record.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <exception>
#include <new>

namespace adapipe::inline v0_1 {
namespace {

using Nonce = std::array<std::byte, layout::kNonceBytes>;

/// A pure function of what the record is, so that records can be sealed in any order, anywhere.
Nonce record_nonce(const RecordHeader& header) noexcept {
  Nonce nonce{};
  nonce[0] = static_cast<std::byte>(header.type);
  store_be64(nonce.data() + 4, header.sequence);
  return nonce;
}

struct FreeHash {
  void operator()(XXH3_state_t* state) const noexcept { XXH3_freeState(state); }
};

std::uint64_t seeded_sum(std::uint64_t seed, ByteSpan first, ByteSpan second) {
  const std::unique_ptr<XXH3_state_t, FreeHash> state(XXH3_createState());
  if (!state) throw std::bad_alloc();
  XXH3_64bits_reset_withSeed(state.get(), seed);
  XXH3_64bits_update(state.get(), first.data(), first.size());
  XXH3_64bits_update(state.get(), second.data(), second.size());
  return XXH3_64bits_digest(state.get());
}

Error damaged(const RecordHeader& header, const char* message) {
  Error error(errc::corrupt, message);
  if (header.type == RecordType::chunk) error.at_chunk(header.sequence);
  return error;
}

template <typename Work>
auto in_cipher(const CipherBackend& cipher, Work&& work) {
  try {
    return work();
  } catch (Error& error) {
    error.in_stage(cipher.name());
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(errc::stage_failed, error.what()).in_stage(cipher.name());
  } catch (...) {
    throw Error(errc::stage_failed, "threw something that is not a std::exception")
        .in_stage(cipher.name());
  }
}

bool is_too_large_index(const RecordHeader& header) noexcept {
  return layout::kRecordHeaderBytes + std::uint64_t{header.stored_bytes} > layout::kMaxIndexBytes;
}

bool index_sizes_fit(const RecordHeader& header, Integrity integrity) noexcept {
  return header.plain_bytes >= layout::kIndexHeadBytes &&
         header.stored_bytes == std::uint64_t{header.plain_bytes} + overhead_bytes(integrity);
}

void check_index_sizes(const RecordHeader& header, Integrity integrity) {
  if (is_too_large_index(header)) throw Error(errc::corrupt, "the index claims more than 1 GiB");
  if (!index_sizes_fit(header, integrity))
    throw Error(errc::corrupt, "the sizes of the index record do not fit each other");
}

bool plain_bytes_fit(std::uint32_t plain_bytes, const Header& container) noexcept {
  return plain_bytes > 0 && plain_bytes <= container.chunk_bytes;
}

bool stored_bytes_fit(std::uint32_t stored_bytes, const Header& container) noexcept {
  const std::uint64_t most = 2 * std::uint64_t{container.chunk_bytes} + layout::kMaxStoredExtra;
  return stored_bytes > overhead_bytes(container.integrity) && stored_bytes <= most;
}

bool has_magic(std::span<const std::byte, layout::kRecordHeaderBytes> bytes) noexcept {
  return std::equal(layout::kRecordMagic.begin(), layout::kRecordMagic.end(), bytes.begin());
}

/// Only magic, type and flags have to be right.
RecordHeader fields_of(std::span<const std::byte, layout::kRecordHeaderBytes> bytes) noexcept {
  return {.type = static_cast<RecordType>(bytes[4]),
          .skipped = load_le<std::uint16_t>(&bytes[6]),
          .plain_bytes = load_le<std::uint32_t>(&bytes[8]),
          .stored_bytes = load_le<std::uint32_t>(&bytes[12]),
          .sequence = load_le<std::uint64_t>(&bytes[16])};
}

bool is_known_type(std::byte type) noexcept {
  return type <= static_cast<std::byte>(RecordType::index);
}

bool skips_unknown_stage(const RecordHeader& header, const Header& container) noexcept {
  const bool is_chunk = header.type == RecordType::chunk;
  return header.skipped >> (is_chunk ? container.stages.size() : 0) != 0;
}

}  // namespace

RecordHeaderBytes encode_record_header(const RecordHeader& header) noexcept {
  RecordHeaderBytes out{};
  std::ranges::copy(layout::kRecordMagic, out.begin());
  out[4] = static_cast<std::byte>(header.type);
  store_le(out.data() + 6, header.skipped);
  store_le(out.data() + 8, header.plain_bytes);
  store_le(out.data() + 12, header.stored_bytes);
  store_le(out.data() + 16, header.sequence);
  return out;
}

void check_chunk_sizes(std::uint32_t plain_bytes, std::uint32_t stored_bytes,
                       const Header& container) {
  if (!plain_bytes_fit(plain_bytes, container))
    throw Error(errc::corrupt,
                fmt::format("a chunk claims {} plain bytes, where the container has chunks of 1 to "
                            "{}",
                            plain_bytes, container.chunk_bytes));
  if (!stored_bytes_fit(stored_bytes, container))
    throw Error(errc::corrupt,
                fmt::format("a chunk claims {} stored bytes, which is out of range", stored_bytes));
}

RecordHeader decode_record_header(std::span<const std::byte, layout::kRecordHeaderBytes> bytes,
                                  const Header& container) {
  if (!has_magic(bytes)) throw Error(errc::corrupt, "there is no record where one should start");
  if (!is_known_type(bytes[4]))
    throw Error(errc::unsupported_version,
                fmt::format("a record has type {}, which this version does not know",
                            std::to_integer<unsigned>(bytes[4])));
  if (bytes[5] != std::byte{0}) throw Error(errc::corrupt, "a record has flags that do not exist");

  const RecordHeader header = fields_of(bytes);
  if (skips_unknown_stage(header, container))
    throw Error(errc::corrupt, "a record skips a stage that does not exist");
  if (header.type == RecordType::chunk)
    check_chunk_sizes(header.plain_bytes, header.stored_bytes, container);
  else
    check_index_sizes(header, container.integrity);
  return header;
}

bool is_record_header(std::span<const std::byte, layout::kRecordHeaderBytes> bytes,
                      const Header& container) noexcept {
  if (!has_magic(bytes) || !is_known_type(bytes[4]) || bytes[5] != std::byte{0}) return false;
  const RecordHeader header = fields_of(bytes);
  if (skips_unknown_stage(header, container)) return false;
  if (header.type == RecordType::index)
    return !is_too_large_index(header) && index_sizes_fit(header, container.integrity);
  return plain_bytes_fit(header.plain_bytes, container) &&
         stored_bytes_fit(header.stored_bytes, container);
}

RecordProtector::RecordProtector(const RecordKeys& keys)
    : integrity_(keys.integrity), seed_(keys.seed) {
  if (integrity_ != Integrity::aead) return;
  backend_ = keys.cipher;
  cipher_ = in_cipher(*backend_, [&] {
    auto worker = backend_->make_worker(keys.key.bytes());
    if (!worker) throw Error(errc::stage_failed, "make_worker() made nothing");
    return worker;
  });
}

RecordProtector::~RecordProtector() = default;

std::size_t RecordProtector::overhead_bytes() const noexcept {
  return v0_1::overhead_bytes(integrity_);
}

void RecordProtector::seal(RecordHeader& header, ByteSpan data, std::byte* record) {
  header.stored_bytes = static_cast<std::uint32_t>(data.size() + overhead_bytes());
  const RecordHeaderBytes head = encode_record_header(header);
  std::ranges::copy(head, record);
  std::byte* const payload = record + head.size();
  std::byte* const check = payload + data.size();
  if (integrity_ == Integrity::aead) {
    in_cipher(*backend_, [&] {
      cipher_->seal(record_nonce(header), head, data, payload,
                    std::span<std::byte, layout::kTagBytes>(check, layout::kTagBytes));
    });
    return;
  }
  if (data.data() != payload) std::ranges::copy(data, payload);
  store_le(check, std::uint64_t{XXH3_64bits_withSeed(record, head.size() + data.size(), seed_)});
}

std::optional<std::span<std::byte>> RecordProtector::try_open(
    std::span<const std::byte, layout::kRecordHeaderBytes> header_bytes, const RecordHeader& header,
    std::span<std::byte> payload) {
  const std::size_t overhead = overhead_bytes();
  if (payload.size() < overhead) return std::nullopt;
  const auto data = payload.first(payload.size() - overhead);
  if (integrity_ == Integrity::aead) {
    const bool is_good = in_cipher(*backend_, [&] {
      return cipher_->open(record_nonce(header), header_bytes, data, data.data(),
                           payload.last<layout::kTagBytes>());
    });
    return is_good ? std::optional(data) : std::nullopt;
  }
  const auto sum = load_le<std::uint64_t>(data.data() + data.size());
  return seeded_sum(seed_, header_bytes, data) == sum ? std::optional(data) : std::nullopt;
}

std::span<std::byte> RecordProtector::open(
    std::span<const std::byte, layout::kRecordHeaderBytes> header_bytes, const RecordHeader& header,
    std::span<std::byte> payload) {
  if (payload.size() < overhead_bytes())
    throw damaged(header, "a record is shorter than its check");
  if (const auto data = try_open(header_bytes, header, payload)) return *data;
  throw damaged(header, "a record was changed, or is not in its place");
}

}  // namespace adapipe::inline v0_1
