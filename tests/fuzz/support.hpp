#pragma once

#include <adapipe/adapipe.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "container/fixture.hpp"
#include "container/record.hpp"
#include "support/bytes.hpp"
#include "util/bytes.hpp"

namespace adapipe::testing {

/// What the fuzz targets share with the program that writes their seeds. Each target checks
/// promises, not only that nothing crashes: a broken one ends the process, which libFuzzer keeps
/// as a finding.

/// Ends the process with this message unless `holds`.
void require(bool holds, const char* promise);

/// The error that `step` throws, if any, which must be one that the format allows here. Anything
/// else that is thrown gets through to libFuzzer.
template <typename F>
std::optional<errc> refused(std::initializer_list<errc> allowed, F&& step) {
  const std::optional<errc> kind = kind_of(std::forward<F>(step));
  if (kind) require(std::ranges::find(allowed, *kind) != allowed.end(), "an error of this kind");
  return kind;
}

/// Bytes change at random, and so would every check and tag fail and nothing behind them be
/// reached. So an input's first byte says how the rest becomes a container:
enum class Form : std::uint8_t {
  raw,       ///< it is one, as it stands
  resealed,  ///< with reseal(): all that was changed was sealed that way
  parts,     ///< what is in the chunks; the container around them is sound
  sections,  ///< what is in the header's sections; their lengths and what protects them are sound
};
inline constexpr unsigned kForms = 4;

/// The container that an input describes, its first byte included; for an empty input, no bytes.
Bytes container_from(ByteSpan input);

/// Makes header_sum, header_tag, the slots for fuzz_key() and the check or tag of every record
/// right, in place, as far as the bytes have the form of a container. Payloads are taken for what
/// a record holds before it is encrypted, so seeds for this have their payloads decrypted.
void reseal(std::span<std::byte> container);

/// The key that opens what the harness seals, and what a reader is given: that key and others whose
/// slots cost little to try.
const SharedKey& fuzz_key();
const ListOf<Identity>& fuzz_identities();
const StageRegistry& fuzz_registry();

/// Form::sections: `u8` tag, `u8` flags, `u16` length, value, and so on. No record follows.
///
/// Form::parts: `u8` suite and `u8` stage list, then for each chunk what its record says and holds:
/// `u16` skip bits, `u16` plain_bytes, `u8` by how much the index claims more, `u16` length of the
/// data, data.
inline constexpr unsigned kSuites = 4;  // the cipher's number; 0: none
inline constexpr unsigned kStageLists = 5;
std::optional<Cipher> suite(std::uint8_t number);
std::vector<std::shared_ptr<const Stage>> stage_list(std::uint8_t number);

/// Containers of the harness have the smallest chunks that there are.
inline constexpr std::uint32_t kFuzzChunkBytes = ChunkSize::kMinBytes;
/// The most plain bytes that a target restores: few, so that inputs reach the limit.
inline constexpr std::size_t kMaxPlainBytes = 4 * kFuzzChunkBytes;

}  // namespace adapipe::testing
