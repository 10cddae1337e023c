#pragma once

#include <adapipe/adapipe.hpp>
#include <cstddef>
#include <utility>
#include <vector>

#include "container/header.hpp"
#include "support/bytes.hpp"

namespace adapipe::testing {

inline constexpr std::size_t kChunk = 64 * 1024;
inline constexpr std::size_t kSeveralBuffers = 3 * 1024 * 1024 + 7;

inline Bytes sealed_for(const ListOf<Recipient>& recipients, const Bytes& plain,
                        const std::vector<std::byte>& context = {}) {
  Bytes sealed;
  Pipeline::Builder()
      .add(zstd())
      .add(aes_256_gcm({.recipients = recipients}))
      .chunk_size(ChunkSize::from_bytes(kChunk))
      .build()
      .process(Source::memory(plain), Sink::memory(sealed),
               {.context = context, .metadata = {{"name", "in.bin"}}});
  return sealed;
}

inline Bytes rekeyed(const Bytes& sealed, RekeyOptions options) {
  Bytes out;
  rekey(Source::memory(sealed), Sink::memory(out), std::move(options));
  return out;
}

/// Chunk records and index record: what lies between head and trailer.
inline Bytes records_of(const Bytes& sealed) {
  const std::size_t head = 16 + header_rest_bytes(ByteSpan(sealed).first(16));
  return {sealed.begin() + static_cast<std::ptrdiff_t>(head), sealed.end() - 24};
}

}  // namespace adapipe::testing
