#pragma once

#include <adapipe/keys.hpp>
#include <adapipe/stages.hpp>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <vector>

#include "container/header.hpp"
#include "container/index.hpp"
#include "container/record.hpp"
#include "util/random.hpp"

namespace adapipe::inline v0_1 {

/// A container about to be written: its first bytes, and the keys for its records.
struct NewContainer {
  std::vector<std::byte> head;  ///< preamble || header || header_sum || header_tag
  RecordKeys keys;
};

/// Draws file key and salt, wraps the key for every recipient of `cipher` (slow for passphrases,
/// and a key service may have to be waited for, until `stop`) and encodes the header. `header`
/// comes with chunk_bytes, stages, plain_bytes and metadata; the rest is filled in here. Without a
/// cipher: Integrity::checksum.
NewContainer create_container(Header header, const std::optional<Cipher>& cipher, ByteSpan context,
                              RandomSource& random, const std::stop_token& stop = {});

/// The index record followed by the trailer. `index_offset` is where it will stand.
std::vector<std::byte> seal_tail(const Index& index, std::uint64_t index_offset,
                                 const RecordKeys& keys);

}  // namespace adapipe::inline v0_1
