#include <adapipe/adapipe.hpp>
#include <iostream>
int main() try {
  using adapipe::Sink;
  auto key = adapipe::SharedKey::generate();            // 32 random bytes, wiped on destruction; key.save(path), load(path)
  auto pipeline = adapipe::Pipeline::Builder()
                      .add(adapipe::zstd({.level = 3}))
                      .add(adapipe::aes_256_gcm({.recipients = {key}}))
                      .chunk_size(adapipe::ChunkSize::from_mib(4))   // leave out: adaptive
                      .build();                          // validates; a built Pipeline is immutable, thread-safe, reusable
  adapipe::Report made = pipeline.process("in.bin", Sink::file("out.adapipe", {.overwrite = true}));
  adapipe::Report back = adapipe::restore("out.adapipe", Sink::file("back.bin", {.overwrite = true}), {.identities = {key}});
  adapipe::Report good = adapipe::verify("out.adapipe", {.identities = {key}});
  return made.input_bytes == back.output_bytes && good.chunks == made.chunks ? 0 : 1;
} catch (const adapipe::Error& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
