// Salvaging: what comes out adds up, and where nothing is damaged it is what restoring gives.

#include "codec/zstd_frame.hpp"
#include "fuzz/support.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

constexpr std::initializer_list<errc> kAllowed = {
    errc::not_a_container, errc::truncated,         errc::unsupported_version,
    errc::corrupt,         errc::wrong_key,         errc::unknown_stage,
    errc::limit_exceeded,  errc::resource_exhausted};

RestoreOptions options() {
  return {.identities = fuzz_identities(),
          .registry = fuzz_registry(),
          .runtime = Runtime::serial(),
          .allow_unencrypted = true,
          .max_plain_bytes = kMaxPlainBytes};
}

void check_lost(const SalvageReport& report, const Bytes& output) {
  std::uint64_t lost_bytes = 0;
  std::uint64_t reached = 0;
  for (const LostRange& lost : report.lost) {
    require(lost.offset_bytes >= reached && lost.length_bytes > 0, "lost ranges ascend");
    reached = lost.offset_bytes + lost.length_bytes;
    require(reached <= output.size(), "lost ranges lie within the output");
    lost_bytes += lost.length_bytes;
    const auto from = output.begin() + static_cast<std::ptrdiff_t>(lost.offset_bytes);
    require(std::all_of(from, from + static_cast<std::ptrdiff_t>(lost.length_bytes),
                        [](std::byte b) { return b == std::byte{}; }),
            "what is lost is zeros");
  }
  require(report.recovered_bytes + lost_bytes == output.size(), "the rest was recovered");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes container = container_from(std::as_bytes(std::span(data, size)));
  Bytes output;
  SalvageReport report;
  const auto error = refused(kAllowed, [&] {
    report = salvage(Source::memory(container), Sink::memory(output), options());
  });
  require(!error || output.empty(), "nothing is left of what failed");
  require(output.size() <= kMaxPlainBytes, "never more than the caller allows");
  if (!error) {
    require(report.output_bytes == output.size(), "the report tells what was written");
    check_lost(report, output);
  }
  if (starts_as_zstd(container)) return 0;  // restoring takes it; see zstd_file.cpp
  Bytes restored;
  if (refused(kAllowed,
              [&] { restore(Source::memory(container), Sink::memory(restored), options()); }))
    return 0;
  if (error == errc::resource_exhausted) return 0;
  require(!error && report.is_complete(), "of what is sound, nothing is lost");
  require(output == restored, "salvaging gives what restoring gives");
  return 0;
}
