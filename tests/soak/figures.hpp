#pragma once

#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>

namespace adapipe::testing {

/// What the process holds of the system.
struct Figures {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::size_t resident_kib = 0;

  /// Freed memory is first given back to the system, so that only what is held counts.
  static Figures now() {
    ::malloc_trim(0);
    const auto entries = [](const char* folder) {
      const std::filesystem::directory_iterator all(folder);
      return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    };
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> pages;
    return {.descriptors = entries("/proc/self/fd"),
            .threads = entries("/proc/self/task"),
            .resident_kib = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024};
  }
};

}  // namespace adapipe::testing
