#pragma once

#include <map>
#include <string>

#include "support/bytes.hpp"

namespace adapipe::testing {

/// Files by their paths, relative to tests/vectors. The same bytes at every call, on every machine.
using VectorFiles = std::map<std::string, Bytes>;

/// What the manifest's `keys` name.
VectorFiles key_files();
/// Written by adapipe itself: nothing a version of it writes may ever differ.
VectorFiles golden_vectors();
/// What a later version or another writer may write: put together by hand, and to be read.
VectorFiles forged_vectors();
/// Frames of zstd put together by hand, right and wrong ones.
VectorFiles zstd_vectors();
/// One for each rule of FORMAT.md, which it breaks; all else fits.
VectorFiles broken_headers();
VectorFiles broken_slots();
VectorFiles broken_records();

/// All of the above.
VectorFiles all_vectors();

}  // namespace adapipe::testing
