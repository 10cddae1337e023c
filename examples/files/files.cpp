// The main job: a file becomes a compressed and encrypted container, which is verified and
// restored.
//
//   example_files IN CONTAINER BACK
//
// The key is made anew and kept in CONTAINER.key: whoever has that file can restore.

#include <adapipe/adapipe.hpp>
#include <iostream>
#include <string>

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::cerr << "usage: example_files IN CONTAINER BACK\n";
    return 64;
  }
  const std::string container = argv[2];
  const auto key = adapipe::SharedKey::generate();
  key.save(container + ".key");
  const auto pipeline = adapipe::Pipeline::Builder()
                            .add(adapipe::zstd({.level = 3}))
                            .add(adapipe::aes_256_gcm({.recipients = {key}}))
                            .build();
  // Files that exist are refused; Sink::file(path, {.overwrite = true}) replaces them, at the end.
  const adapipe::Report made = pipeline.process(argv[1], container);
  std::cout << made.input_bytes << " -> " << made.output_bytes << " bytes\n";

  const auto loaded = adapipe::SharedKey::load(container + ".key");
  const adapipe::Report good = adapipe::verify(container, {.identities = {loaded}});
  std::cout << good.chunks << " chunks verified\n";
  adapipe::restore(container, argv[3], {.identities = {loaded}});
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
