// The header: its sections, its sum, opening up to the search for a key, and showing it without
// one.

#include "container/header.hpp"

#include "codec/zstd_frame.hpp"
#include "container/open.hpp"
#include "fuzz/support.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

void check_decoding(ByteSpan bytes) {
  Header header;
  const auto decode = [&] { header = decode_header(bytes); };
  if (refused({errc::not_a_container, errc::truncated, errc::unsupported_version, errc::corrupt},
              decode))
    return;
  const std::size_t rest_bytes = header_rest_bytes(bytes.first(layout::kPreambleBytes));
  const ByteSpan decoded =
      bytes.first(layout::kPreambleBytes + rest_bytes - layout::kHeaderTagBytes);
  require(std::ranges::equal(encode_header(header), decoded),
          "a header that was decoded is encoded to the same bytes");
}

void check_opening(ByteSpan bytes) {
  BytesSource source(bytes, 7);
  PositionalSourceImpl& input = source;
  OpenedContainer opened;
  const auto open = [&] {
    opened =
        open_container(read_full_from(input),
                       {.identities = fuzz_identities(), .context = {}, .allow_unencrypted = true});
  };
  if (refused({errc::not_a_container, errc::truncated, errc::unsupported_version, errc::corrupt,
               errc::wrong_key},
              open))
    return;
  const bool encrypted = opened.header.integrity == Integrity::aead;
  require(opened.slot_type().has_value() == encrypted, "a key opens what is encrypted");
  require(opened.records_offset <= bytes.size(), "the records follow the header");
}

void check_showing(ByteSpan bytes) {
  if (starts_as_zstd(bytes)) return;  // see zstd_file.cpp
  ContainerInfo info;
  const auto show = [&] { info = inspect(Source::memory(bytes)); };
  if (refused({errc::not_a_container, errc::truncated, errc::unsupported_version, errc::corrupt},
              show))
    return;
  require(!info.authenticated, "without a key, nothing is authentic");
  require(info.cipher.empty() == info.chunks.has_value(),
          "the chunks are known if and only if the container is not encrypted");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes container = container_from(std::as_bytes(std::span(data, size)));
  check_decoding(container);
  check_opening(container);
  check_showing(container);
  return 0;
}
