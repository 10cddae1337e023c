// A stage of the host's own: numbers that grow slowly, of 32 bits each as a sensor writes them,
// become differences, which zstd then makes small. To be copied: a description that is recorded, a
// worker that does the work in both directions, and a factory that checks what a file says.
//
//   example_custom_stage process IN OUT
//   example_custom_stage restore IN OUT

#include <adapipe/adapipe.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <memory>
#include <span>
#include <string>

namespace {

constexpr char kId[] = "org.example.delta";

/// One for each thread. A context that is costly to make would be a member here.
class DeltaWorker final : public adapipe::StageWorker {
 public:
  DeltaWorker(adapipe::Direction direction, std::size_t width)
      : forward_(direction == adapipe::Direction::forward), width_(width) {}

  adapipe::Outcome run(const adapipe::ChunkInfo&, std::span<const std::byte> in,
                       adapipe::Buffer& out) override {
    if (in.size() <= width_) return adapipe::Outcome::unchanged;  // is recorded for this chunk
    out.resize(in.size());  // within max_output_bytes(), which is the size of the input
    std::memcpy(out.data(), in.data(), width_);
    const std::byte* const before = forward_ ? in.data() : out.data();
    for (std::size_t i = width_; i < in.size(); ++i) {
      const auto number = std::to_integer<unsigned>(in[i]);
      const auto last = std::to_integer<unsigned>(before[i - width_]);
      out.data()[i] = static_cast<std::byte>(forward_ ? number - last : number + last);
    }
    return adapipe::Outcome::changed;
  }

 private:
  const bool forward_;
  const std::size_t width_;
};

/// Shared by all threads, so it never changes.
class Delta final : public adapipe::Stage {
 public:
  explicit Delta(std::uint8_t width) : width_(width) {}

  adapipe::StageInfo info() const override {
    return {.id = kId, .parameters = {static_cast<std::byte>(width_)}};
  }
  std::unique_ptr<adapipe::StageWorker> make_worker(adapipe::Direction direction) const override {
    return std::make_unique<DeltaWorker>(direction, width_);
  }

  /// The parameters are the file's: hostile until they are checked.
  static std::shared_ptr<const adapipe::Stage> from(std::span<const std::byte> parameters) {
    if (parameters.size() != 1 || parameters[0] == std::byte{0})
      throw adapipe::Error(adapipe::errc::corrupt, "org.example.delta needs one width");
    return std::make_shared<Delta>(std::to_integer<std::uint8_t>(parameters[0]));
  }

 private:
  const std::uint8_t width_;
};

}  // namespace

int main(int argc, char** argv) try {
  const std::string command = argc == 4 ? argv[1] : "";
  if (command == "process") {
    const auto made = adapipe::Pipeline::Builder()
                          .add(std::make_shared<Delta>(4))
                          .add(adapipe::zstd())
                          .build()
                          .process(argv[2], argv[3]);
    std::cout << made.input_bytes << " -> " << made.output_bytes << " bytes\n";
  } else if (command == "restore") {
    adapipe::StageRegistry registry;
    registry.add(kId, Delta::from);
    adapipe::restore(argv[2], argv[3], {.registry = registry});
  } else {
    std::cerr << "usage: example_custom_stage process|restore IN OUT\n";
    return 64;
  }
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
