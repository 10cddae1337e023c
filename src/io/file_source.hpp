#pragma once

#include <adapipe/source.hpp>
#include <filesystem>
#include <memory>
#include <string>

namespace adapipe::inline v0_1 {

/// Source::file(): a regular file is positional; a FIFO or device is read in order.
std::unique_ptr<SourceImpl> open_file_source(const std::filesystem::path& path);

/// Source::fd().
std::unique_ptr<SourceImpl> open_descriptor_source(int descriptor, const std::string& name);

}  // namespace adapipe::inline v0_1
