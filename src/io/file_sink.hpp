#pragma once

#include <adapipe/sink.hpp>
#include <filesystem>
#include <memory>

namespace adapipe::inline v0_1 {

/// Sink::file(). A symbolic link is followed: the file it points to is created or replaced, and
/// the link stays. What is there and not a regular file, and /dev/stdout or /dev/fd/N whatever is
/// behind it, is written in place and in order.
std::unique_ptr<SinkImpl> open_file_sink(const std::filesystem::path& path,
                                         const FileSinkOptions& options, const SinkHints& hints);

}  // namespace adapipe::inline v0_1
