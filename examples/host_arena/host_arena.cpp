// A host that runs oneTBB itself: it summarises many containers in a parallel loop of its own
// arena, and reads them with adapipe from within the loop.
//
//   example_host_arena KEY_FILE CONTAINER...
//
// adapipe's workers are threads of its own Runtime, as many as it is given here. They take nothing
// from the host's arena, so that a call from a loop's body neither runs other bodies of that loop
// nor waits for them, not even if the body holds a lock.

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <string>
#include <vector>

namespace {

/// Lines of the text in a container, decoded ahead by the Runtime's workers while they are counted.
std::uint64_t count_lines(const std::string& container, const adapipe::ReaderOptions& options) {
  const auto reader = adapipe::Reader::open(container, options);
  std::array<std::byte, 64 * 1024> page;
  std::uint64_t lines = 0;
  for (std::uint64_t at = 0; at < reader.size();) {
    const std::size_t bytes = reader.read_at(at, page);
    lines += static_cast<std::uint64_t>(std::count(
        page.begin(), page.begin() + static_cast<std::ptrdiff_t>(bytes), std::byte{'\n'}));
    at += bytes;
  }
  return lines;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::cerr << "usage: example_host_arena KEY_FILE CONTAINER...\n";
    return 64;
  }
  const std::vector<std::string> containers(argv + 2, argv + argc);
  const adapipe::ReaderOptions options{.identities = {adapipe::SharedKey::load(argv[1])},
                                       .runtime = adapipe::Runtime({.worker_threads = 2})};
  oneapi::tbb::task_arena arena(2);
  std::mutex output;
  arena.execute([&] {
    oneapi::tbb::parallel_for(std::size_t{0}, containers.size(), [&](std::size_t i) {
      const std::uint64_t lines = count_lines(containers[i], options);
      const std::lock_guard lock(output);
      std::cout << containers[i] << ": " << lines << " lines\n";
    });
  });
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
