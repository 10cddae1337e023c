// Files are compressed and encrypted one beside the other, each by a coroutine that holds no thread
// while it waits.
//
//   example_coroutine KEY_FILE FILE...

#include <adapipe/adapipe.hpp>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <iostream>
#include <latch>
#include <mutex>
#include <string>

namespace {

/// A coroutine that starts at once and runs by itself. Real programs have one in their framework.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

std::mutex output;

Detached protect(const adapipe::Pipeline& pipeline, std::string file, adapipe::SharedKey key,
                 std::latch& rest) {
  try {
    const std::string container = file + ".adapipe";
    // With GCC 13 and later, or clang, an operation needs no name to be awaited.
    const adapipe::Operation making =
        pipeline.start(file, adapipe::Sink::file(container, {.overwrite = true}));
    const adapipe::Report made = co_await making;
    const adapipe::Operation verifying = adapipe::start_verify(container, {.identities = {key}});
    const adapipe::Report good = co_await verifying;
    const std::lock_guard lock(output);
    std::cout << container << ": " << made.input_bytes << " -> " << made.output_bytes << " bytes, "
              << good.chunks << " chunks verified\n";
  } catch (const adapipe::Error& error) {
    const std::lock_guard lock(output);
    std::cout << error.what() << '\n';
  }
  rest.count_down();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::cerr << "usage: example_coroutine KEY_FILE FILE...\n";
    return 64;
  }
  const auto key = adapipe::SharedKey::load(argv[1]);
  const auto pipeline = adapipe::Pipeline::Builder()
                            .add(adapipe::zstd())
                            .add(adapipe::aes_256_gcm({.recipients = {key}}))
                            .build();
  std::latch rest(argc - 2);
  for (int i = 2; i < argc; ++i) protect(pipeline, argv[i], key, rest);
  rest.wait();
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
