#pragma once

#include <cstddef>
#include <filesystem>

#include "keys/secret.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {

/// Files that hold keys. Errors name the file.

/// The whole content, read without copies that are not wiped. Throws Error(io_error), and
/// Error(invalid_argument) for more than `max_bytes`, as a device never ends.
SecretBytes read_secret_file(const std::filesystem::path& path, std::size_t max_bytes);

/// Writes a new file with mode 0600, whole and on the disk, its folder's entry too, or not at all:
/// what is made with a key must not outlive it. Throws Error(already_exists) for anything that is
/// there, also a link; Error(io_error).
void create_secret_file(const std::filesystem::path& path, ByteSpan content);

}  // namespace adapipe::inline v0_1
