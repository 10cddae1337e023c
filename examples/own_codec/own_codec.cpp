// A codec of the host's own: LZ4 in the place of zstd, without a line about chunks, threads or
// containers. Who restores registers it under the id that the container has recorded.
//
//   example_own_codec KEY_FILE process IN OUT
//   example_own_codec KEY_FILE restore IN OUT

#include <lz4.h>

#include <adapipe/adapipe.hpp>
#include <adapipe/backend.hpp>
#include <cstddef>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

char* as_chars(std::byte* bytes) { return reinterpret_cast<char*>(bytes); }
const char* as_chars(const std::byte* bytes) { return reinterpret_cast<const char*>(bytes); }

/// A chunk has at most 256 MiB and out.max_size() follows from it, so an int holds every size. What
/// is decompressed may be hostile: LZ4_decompress_safe() keeps to the buffer that it is given.
class Lz4Worker final : public adapipe::CodecWorker {
 public:
  std::size_t compress(std::span<const std::byte> in, std::span<std::byte> out) override {
    const int made =
        LZ4_compress_default(as_chars(in.data()), as_chars(out.data()), static_cast<int>(in.size()),
                             static_cast<int>(out.size()));
    return static_cast<std::size_t>(made);  // 0: it did not fit, so the chunk is stored as it is
  }

  void decompress(std::span<const std::byte> in, adapipe::Buffer& out) override {
    out.resize(out.max_size());
    const int made = LZ4_decompress_safe(as_chars(in.data()), as_chars(out.data()),
                                         static_cast<int>(in.size()), static_cast<int>(out.size()));
    if (made < 0) throw adapipe::Error(adapipe::errc::corrupt, "not an LZ4 block");
    out.resize(static_cast<std::size_t>(made));
  }
};

class Lz4 final : public adapipe::CodecBackend {
 public:
  std::string id() const override { return "org.example.lz4"; }
  std::size_t bound(std::size_t input_bytes) const override { return input_bytes; }
  std::unique_ptr<adapipe::CodecWorker> make_worker(adapipe::Direction) const override {
    return std::make_unique<Lz4Worker>();
  }
};

std::shared_ptr<const adapipe::Stage> make_lz4(std::span<const std::byte> parameters) {
  if (!parameters.empty())
    throw adapipe::Error(adapipe::errc::corrupt, "org.example.lz4 takes no parameters");
  return adapipe::codec(std::make_shared<Lz4>());
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string command = argc == 5 ? argv[2] : "";
  if (command != "process" && command != "restore") {
    std::cerr << "usage: example_own_codec KEY_FILE process|restore IN OUT\n";
    return 64;
  }
  const auto key = adapipe::SharedKey::load(argv[1]);
  if (command == "process") {
    const auto made = adapipe::Pipeline::Builder()
                          .add(make_lz4({}))
                          .add(adapipe::aes_256_gcm({.recipients = {key}}))
                          .build()
                          .process(argv[3], argv[4]);
    std::cout << made.input_bytes << " -> " << made.output_bytes << " bytes\n";
  } else {
    adapipe::StageRegistry registry;
    registry.add("org.example.lz4", make_lz4);
    adapipe::restore(argv[3], argv[4], {.identities = {key}, .registry = registry});
  }
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
