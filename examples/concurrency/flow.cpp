// How chunks flow: many at once, never more than allowed, as fast as the slowest lets them.
//
//   example_concurrency_flow FILE CONTAINER

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

namespace {

const adapipe::ChunkSize kChunkSize = adapipe::ChunkSize::from_kib(64);

/// How many are inside, and the most that ever were.
class Crowd {
 public:
  void enter() {
    const int now = ++inside_;
    for (int seen = most_; now > seen && !most_.compare_exchange_weak(seen, now);) {
    }
  }
  void leave() { --inside_; }
  int most() const { return most_; }

 private:
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
};

/// A stage that changes nothing and takes its time.
class SlowStage final : public adapipe::Stage {
 public:
  SlowStage(std::string id, Crowd& crowd, std::size_t max_concurrency)
      : id_(std::move(id)), crowd_(crowd), max_concurrency_(max_concurrency) {}
  adapipe::StageInfo info() const override { return {.id = id_}; }
  std::size_t max_concurrency() const override { return max_concurrency_; }
  std::unique_ptr<adapipe::StageWorker> make_worker(adapipe::Direction) const override {
    struct Worker final : adapipe::StageWorker {
      explicit Worker(Crowd& c) : crowd(c) {}
      adapipe::Outcome run(const adapipe::ChunkInfo&, std::span<const std::byte>,
                           adapipe::Buffer&) override {
        crowd.enter();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        crowd.leave();
        return adapipe::Outcome::unchanged;
      }
      Crowd& crowd;
    };
    return std::make_unique<Worker>(crowd_);
  }

 private:
  std::string id_;
  Crowd& crowd_;
  std::size_t max_concurrency_;
};

/// A place for bytes that takes its time, and looks how much waits for it.
class SlowSink final : public adapipe::SinkImpl {
 public:
  SlowSink(const adapipe::Runtime& runtime, std::size_t& most_bytes)
      : runtime_(runtime), most_bytes_(most_bytes) {}
  void write(std::span<const std::byte>) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    most_bytes_ = std::max(most_bytes_, runtime_.memory_in_use_bytes());
  }
  void commit() override {}
  void abandon() noexcept override {}

 private:
  const adapipe::Runtime runtime_;
  std::size_t& most_bytes_;
};

adapipe::Pipeline::Builder builder_on(const adapipe::Runtime& runtime) {
  adapipe::Pipeline::Builder builder;
  builder.chunk_size(kChunkSize).runtime(runtime);
  return builder;
}

// -- parallel chunk processing, fan-out / fan-in --------------------------------------------------
// All workers have a chunk each; what they make is written in the order of the stream.
void show_fan_out(const std::string& file, const std::string& container,
                  const adapipe::Runtime& runtime) {
  Crowd crowd;
  auto builder = builder_on(runtime);
  builder.add(adapipe::zstd()).add(std::make_shared<SlowStage>("slow", crowd, 0));
  // Without a container, and as "slow" changes nothing, this is a file that any zstd restores.
  const auto report = builder.container(adapipe::Container::none)
                          .build()
                          .process(file, adapipe::Sink::file(container, {.overwrite = true}));
  std::cout << report.chunks << " chunks, " << crowd.most() << " at once\n";
}

// -- pipeline parallelism, stages overlap; semaphore ----------------------------------------------
// A stage that only one thread may enter holds up no other: while it has one chunk, the next one is
// with the stage before. The limit is a semaphore that no thread waits at.
void show_overlap(const std::string& file, const adapipe::Runtime& runtime) {
  Crowd crowd;
  auto builder = builder_on(runtime);
  builder.add(std::make_shared<SlowStage>("first", crowd, 1))
      .add(std::make_shared<SlowStage>("second", crowd, 1));
  builder.build().process(file, adapipe::Sink::discard());
  std::cout << "two stages with room for one chunk each: " << crowd.most() << " chunks at once\n";
}

// -- bounded parallelism; channel backpressure ----------------------------------------------------
// A chunk is read only when one of the places is free, so a slow sink slows the source, and memory
// stays flat, however big the file.
void show_backpressure(const std::string& file, const adapipe::Runtime& runtime) {
  std::size_t most_bytes = 0;
  auto builder = builder_on(runtime);
  const adapipe::Pipeline pipeline = builder.add(adapipe::zstd()).build();
  const auto report = pipeline.process(
      file, adapipe::Sink(std::make_unique<SlowSink>(runtime, most_bytes)), {.max_in_flight = 3});
  std::cout << "at most " << report.max_in_flight << " chunks in flight: memory "
            << (most_bytes == pipeline.bytes_in_flight(kChunkSize, 3) ? "flat" : "not flat")
            << '\n';
}

// -- channels -------------------------------------------------------------------------------------
// A Writer is a bounded channel into a pipeline: write() waits while it is full, try_write() does
// not.
void show_channel(const adapipe::Runtime& runtime) {
  std::size_t most_bytes = 0;
  auto builder = builder_on(runtime);
  adapipe::Writer writer(builder.add(adapipe::zstd()).build(),
                         adapipe::Sink(std::make_unique<SlowSink>(runtime, most_bytes)),
                         {.max_in_flight = 2});
  const std::vector<std::byte> block(kChunkSize.bytes());
  int refused = 0;
  for (int i = 0; i < 1000; ++i)
    if (writer.try_write(block) < block.size()) ++refused;
  std::cout << "a full channel refused some blocks: " << (refused > 0 ? "yes" : "no") << '\n';
  writer.finish();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: example_concurrency_flow FILE CONTAINER\n";
    return 64;
  }
  const adapipe::Runtime runtime({.worker_threads = 4});
  show_fan_out(argv[1], argv[2], runtime);
  show_overlap(argv[1], runtime);
  show_backpressure(argv[1], runtime);
  show_channel(runtime);
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
