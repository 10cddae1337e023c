// An operation that runs beside the program: its progress is shown while it does, ^C cancels it,
// and its digest is there at the end, without reading the file twice.
//
//   example_progress IN CONTAINER

#include <adapipe/adapipe.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler may set it

void show(const adapipe::Progress& progress) {
  std::cerr << '\r' << progress.bytes_done / 1'000'000 << " MB";
  if (const auto total = progress.bytes_total; total && *total > 0)
    std::cerr << ", " << 100 * progress.bytes_done / *total << "%";
  std::cerr << std::flush;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: example_progress IN CONTAINER\n";
    return 64;
  }
  std::signal(SIGINT, [](int) { interrupted = true; });
  const auto pipeline =
      adapipe::Pipeline::Builder().add(adapipe::sha256()).add(adapipe::zstd()).build();
  // The callback runs on a thread of the Runtime, about ten times a second and once at the end.
  const adapipe::Operation making = pipeline.start(argv[1], argv[2], {.on_progress = show});
  while (!making.wait_for(std::chrono::milliseconds(100)))
    if (interrupted) making.cancel();
  std::cerr << '\n';
  const adapipe::Report made = making.get();  // throws what went wrong, or that it was cancelled
  for (const std::byte byte : made.stages.at(0).digest.value())
    std::printf("%02x", std::to_integer<unsigned>(byte));
  std::printf("  %s\n", argv[1]);
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
