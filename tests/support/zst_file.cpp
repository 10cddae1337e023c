#include "support/zst_file.hpp"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "util/bytes.hpp"

namespace adapipe::testing {

Bytes zst_frame(std::span<const std::byte> plain, const ZstFrameOptions& options) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                        ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, 1);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, options.says_size);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, options.has_checksum);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, options.window_log);
  Bytes frame(ZSTD_compressBound(plain.size()));
  const std::size_t bytes =
      ZSTD_compress2(context.get(), frame.data(), frame.size(), plain.data(), plain.size());
  if (ZSTD_isError(bytes) != 0) throw std::runtime_error(ZSTD_getErrorName(bytes));
  frame.resize(bytes);
  return frame;
}

Bytes skippable_frame(unsigned nibble, const Bytes& content) {
  ByteWriter frame;
  frame.put(std::uint32_t{0x184D2A50u + nibble})
      .put(static_cast<std::uint32_t>(content.size()))
      .put(content);
  return std::move(frame).take();
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes zst_seek_table(const std::vector<ZstTableEntry>& entries, bool has_checksums) {
  ByteWriter content;
  for (const ZstTableEntry& entry : entries) {
    content.put(entry.frame_bytes).put(entry.plain_bytes);
    if (has_checksums) content.put(entry.checksum);
  }
  content.put(static_cast<std::uint32_t>(entries.size()))
      .put(static_cast<std::uint8_t>(has_checksums ? 0x80 : 0))
      .put(std::uint32_t{0x8F92EAB1});
  return skippable_frame(0xE, std::move(content).take());
}

ZstFile zst_file(std::span<const std::byte> plain, std::size_t chunk_bytes,
                 const ZstFrameOptions& options) {
  ZstFile file;
  for (std::size_t at = 0; at < plain.size(); at += chunk_bytes) {
    const auto chunk = plain.subspan(at, std::min(chunk_bytes, plain.size() - at));
    const Bytes frame = zst_frame(chunk, options);
    file.table.push_back(
        {.frame_bytes = static_cast<std::uint32_t>(frame.size()),
         .plain_bytes = static_cast<std::uint32_t>(chunk.size()),
         .checksum = static_cast<std::uint32_t>(XXH64(chunk.data(), chunk.size(), 0))});
    file.bytes.insert(file.bytes.end(), frame.begin(), frame.end());
  }
  return file;
}

}  // namespace adapipe::testing
