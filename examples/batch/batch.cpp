// Backs up a folder: every file in it, and below it, becomes a container of its own. Many are made
// at once, within one memory budget, and one rate limit holds for all. A file that cannot be read
// is told, and holds up no other.
//
//   example_batch FOLDER BACKUP KEY [MB/s]

#include <adapipe/adapipe.hpp>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::cerr << "usage: example_batch FOLDER BACKUP KEY [MB/s]\n";
    return 64;
  }
  const fs::path folder = argv[1];
  const fs::path backup = argv[2];
  const auto pipeline =
      adapipe::Pipeline::Builder()
          .add(adapipe::zstd({.level = 3}))
          .add(adapipe::aes_256_gcm({.recipients = {adapipe::SharedKey::load(argv[3])}}))
          .build();
  adapipe::ProcessOptions each;
  if (argc > 4) each.rate_limit = adapipe::rate_limit(std::stoull(argv[4]) * 1'000'000);

  std::vector<fs::path> names;
  std::vector<adapipe::BatchItem> items;  // of which few are open at once
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    names.push_back(fs::relative(entry.path(), folder));
    const fs::path to = backup / names.back().parent_path();
    fs::create_directories(to);
    items.push_back({entry.path(), to / (names.back().filename().string() + ".adapipe")});
  }

  std::size_t failures = 0;
  std::uint64_t bytes = 0;
  const auto tell = [&](std::size_t item, const adapipe::BatchResult& result) {
    bytes += result.report.input_bytes;
    if (!result.error) return;
    ++failures;
    std::cerr << names[item].string() << ": " << result.error->what() << '\n';
  };
  adapipe::process_all(pipeline, std::move(items), each, {.on_item = tell});
  std::cout << names.size() - failures << " of " << names.size() << " files, " << bytes
            << " bytes\n";
  return failures == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
