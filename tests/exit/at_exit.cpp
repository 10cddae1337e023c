// at_exit ENDING: ends the process in one of the ways below, with status 0 if all went as promised.

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "support/bytes.hpp"
#include "support/endpoints.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"

namespace {

using namespace adapipe;
using namespace adapipe::testing;

const SharedKey& key() {
  static const SharedKey key = SharedKey::generate();
  return key;
}

Pipeline pipeline_on(const Runtime& runtime) {
  return Pipeline::Builder()
      .add(zstd())
      .add(aes_256_gcm({.recipients = {key()}}))
      .chunk_size(ChunkSize::from_bytes(64 * 1024))
      .runtime(runtime)
      .build();
}

/// Ends the process at once, whatever is still to be destroyed, unless what was promised is true.
void insist(bool is_as_promised, const char* promise) {
  if (is_as_promised) return;
  std::cerr << "broken: " << promise << std::endl;
  std::_Exit(1);
}

void insist_on_a_round_trip(const Runtime& runtime) {
  const Bytes plain = compressible_bytes(1'000'000, 1);
  Bytes sealed, back;
  pipeline_on(runtime).process(Source::memory(plain), Sink::memory(sealed));
  restore(Source::memory(sealed), Sink::memory(back), {.identities = {key()}, .runtime = runtime});
  insist(back == plain, "what was processed is restored");
}

/// An operation that goes on until it is cancelled, and is at work when this returns.
Operation start_endless(const Runtime& runtime) {
  struct Endless final : PositionalSourceImpl {
    std::uint64_t total_bytes() const override { return std::uint64_t{1} << 38; }
    std::size_t read_at(std::uint64_t, std::span<std::byte> to) override {
      std::fill(to.begin(), to.end(), std::byte{1});
      return to.size();
    }
  };
  Operation endless =
      pipeline_on(runtime).start(Source(std::make_unique<Endless>()), Sink::discard());
  while (endless.progress().bytes_done == 0) {
    insist(!endless.done(), "an operation without an end goes on");
    std::this_thread::yield();
  }
  return endless;
}

/// Made before everything else, so destroyed after it, but for what the library has made itself.
class Early {
 public:
  ~Early() {
    if (at_the_end) at_the_end();
  }
  std::optional<Operation> operation{};
  std::function<void()> at_the_end{};
};
Early early;

void with_a_static_runtime() {
  static const Runtime runtime({.worker_threads = 2});
  insist_on_a_round_trip(runtime);
}

void with_a_late_operation() { static const Operation endless = start_endless(Runtime::shared()); }

void with_an_early_operation() { early.operation = start_endless(Runtime::shared()); }

void with_a_handle() {
  struct Keeper {
    ~Keeper() { insist_on_a_round_trip(runtime); }
    const Runtime runtime = Runtime::shared();
  };
  static const Keeper keeper;
}

void asking_too_late() {
  insist_on_a_round_trip(Runtime::shared());
  insist_on_a_round_trip(Runtime::serial());
  early.at_the_end = [] {
    const auto kind = [](auto ask) { return thrown_kind([ask] { (void)ask(); }); };
    insist(kind(Runtime::shared) == errc::resource_exhausted, "shared() says that it has ended");
    insist(kind(Runtime::serial) == errc::resource_exhausted, "serial() says that it has ended");
  };
}

void within_a_stage() {
  const Bytes plain = random_bytes(100'000, 1);
  const auto exits =
      make_stage("test.exits", [](const ChunkInfo&, auto, auto&) -> Outcome { std::exit(0); });
  Pipeline::Builder().add(exits).build().process(Source::memory(plain), Sink::discard());
}

void within_a_callback() {
  const Bytes plain = random_bytes(100'000, 1);
  const Operation operation =
      pipeline_on(Runtime::shared()).start(Source::memory(plain), Sink::discard());
  operation.on_completion([] { std::exit(0); });
  std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, void (*)()> endings = {
      {"a static Runtime", with_a_static_runtime},
      {"a static operation that was made late", with_a_late_operation},
      {"a static operation that was made early", with_an_early_operation},
      {"a static object that keeps a handle", with_a_handle},
      {"a static object that asks too late", asking_too_late},
      {"exit within a stage", within_a_stage},
      {"exit within a callback", within_a_callback},
  };
  if (argc != 2 || !endings.contains(argv[1])) return 64;
  endings.at(argv[1])();
}
