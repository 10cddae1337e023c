#include <cstdio>
#include <exception>
#include <filesystem>

#include "support/round_trip.hpp"
#include "vectors/vectors.hpp"

/// adapipe_vectors DIR: writes the test vectors and their keys below DIR.
int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: adapipe_vectors DIR\n", stderr);
    return 2;
  }
  try {
    for (const auto& [name, bytes] : adapipe::testing::all_vectors()) {
      const std::filesystem::path path = std::filesystem::path(argv[1]) / name;
      std::filesystem::create_directories(path.parent_path());
      adapipe::testing::write_file(path, bytes);
      if (std::filesystem::file_size(path) != bytes.size())
        throw std::runtime_error("cannot write " + path.string());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "adapipe_vectors: %s\n", error.what());
    return 1;
  }
}
