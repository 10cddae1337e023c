#include <adapipe/adapipe.hpp>
#include <array>
#include <cstddef>
#include <vector>
int main() {
  auto key = adapipe::SharedKey::generate();
  auto pipeline = adapipe::Pipeline::Builder().add(adapipe::zstd()).add(adapipe::aes_256_gcm({.recipients = {key}})).build();
  std::vector<std::byte> sealed;
  adapipe::Writer writer(pipeline, adapipe::Sink::memory(sealed));
  std::array<std::byte, 1000> block{};
  for (int i = 0; i < 10'000; ++i) writer.write(block);  // blocks only for backpressure; one thread at a time
  writer.flush();                                        // ends the chunk; what was written is with the sink
  adapipe::Report made = writer.finish();                // without finish(), the destructor abandons the output
  auto reader = adapipe::Reader::open(adapipe::Source::memory(sealed), {.identities = {key}});
  std::array<std::byte, 4096> page{};
  std::size_t got = reader.read_at(9'999'000, page);     // thread-safe; got == 1000 at the end, 0 past it
  return made.chunks > 0 && reader.size() == 10'000'000 && got == 1000 ? 0 : 1;
}
