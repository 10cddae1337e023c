#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>
struct Xor final : adapipe::Stage {
  explicit Xor(std::byte k) : key(k) {}
  adapipe::StageInfo info() const override { return {.id = "org.example.xor", .parameters = {key}}; }
  std::unique_ptr<adapipe::StageWorker> make_worker(adapipe::Direction) const override {
    struct W final : adapipe::StageWorker {
      explicit W(std::byte k) : key(k) {}
      adapipe::Outcome run(const adapipe::ChunkInfo&, std::span<const std::byte> in, adapipe::Buffer& out) override {
        out.resize(in.size());                           // does not zero; throws beyond max_output_bytes
        std::transform(in.begin(), in.end(), out.data(), [this](std::byte b) { return b ^ key; });
        return adapipe::Outcome::changed;                // or unchanged: the input goes on as it is
      }
      std::byte key;
    };
    return std::make_unique<W>(key);
  }
  std::byte key;
};
int main() {
  adapipe::StageRegistry registry;                       // built-ins are already in it
  registry.add("org.example.xor", [](std::span<const std::byte> p) {   // p is the file's: hostile until checked
    if (p.size() != 1) throw adapipe::Error(adapipe::errc::corrupt, "org.example.xor needs one parameter byte");
    return std::make_shared<Xor>(p[0]);
  });
  std::vector<std::byte> in(300'000, std::byte{7}), sealed, back;
  auto pipeline = adapipe::Pipeline::Builder().add(std::make_shared<Xor>(std::byte{42})).add(adapipe::zstd()).build();
  pipeline.process(adapipe::Source::memory(in), adapipe::Sink::memory(sealed));
  adapipe::restore(adapipe::Source::memory(sealed), adapipe::Sink::memory(back), {.registry = registry});
  return in == back ? 0 : 1;
}
