#pragma once

#include <adapipe/source.hpp>
#include <cstdint>
#include <memory>

namespace adapipe::inline v0_1 {

/// Source::slice(), of a source that was opened.
std::unique_ptr<SourceImpl> open_slice(std::unique_ptr<SourceImpl> whole,
                                       std::uint64_t offset_bytes, std::uint64_t length_bytes);

}  // namespace adapipe::inline v0_1
