// Restoring from front to back, held against restoring by the index and against Reader: all three
// give the same bytes, or none does.

#include "codec/zstd_frame.hpp"
#include "fuzz/support.hpp"
#include "support/endpoints.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

struct Restored {
  std::optional<errc> error{};
  Bytes plain{};

  bool hit_a_limit() const {
    return error == errc::limit_exceeded || error == errc::resource_exhausted;
  }
};

/// The errors that a container may be refused with. resource_exhausted: the chunks that it claims
/// do not fit into the budget.
constexpr std::initializer_list<errc> kAllowed = {
    errc::not_a_container, errc::truncated,         errc::unsupported_version,
    errc::corrupt,         errc::wrong_key,         errc::unknown_stage,
    errc::limit_exceeded,  errc::resource_exhausted};

Restored restored(Source source) {
  Restored out;
  out.error = refused(kAllowed, [&] {
    const Report report = restore(std::move(source), Sink::memory(out.plain),
                                  {.identities = fuzz_identities(),
                                   .registry = fuzz_registry(),
                                   .runtime = Runtime::serial(),
                                   .allow_unencrypted = true,
                                   .max_plain_bytes = kMaxPlainBytes});
    require(report.output_bytes == out.plain.size(), "the report tells what was written");
  });
  require(!out.error || out.plain.empty(), "nothing is left of what failed");
  require(out.plain.size() <= kMaxPlainBytes, "never more than the caller allows");
  return out;
}

Restored read(const Bytes& container) {
  Restored out;
  out.error = refused(kAllowed, [&] {
    const Reader reader = Reader::open(Source::memory(container), {.identities = fuzz_identities(),
                                                                   .registry = fuzz_registry(),
                                                                   .allow_unencrypted = true,
                                                                   .runtime = Runtime::serial()});
    require(reader.size() <= kMaxPlainBytes, "both ways know the same size");
    out.plain.resize(reader.size());
    require(reader.read_at(0, out.plain) == out.plain.size(), "all can be read");
  });
  return out;
}

void require_same(const Restored& a, const Restored& b) {
  require(a.error.has_value() == b.error.has_value(), "no way accepts what another refuses");
  require(a.error || a.plain == b.plain, "every way gives the same bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes container = container_from(std::as_bytes(std::span(data, size)));
  if (starts_as_zstd(container)) return 0;  // the zstd_file target takes those
  const Restored streamed =
      restored(Source(std::make_unique<HookedStream>(container, BeforeCall())));
  const Restored indexed = restored(Source::memory(container));
  if (streamed.hit_a_limit() || indexed.hit_a_limit()) return 0;
  require_same(streamed, indexed);
  require_same(streamed, read(container));
  return 0;
}
