// What usually goes wrong with much at once, and cannot here.
//
//   example_concurrency_trouble FILE

#include <adapipe/adapipe.hpp>
#include <adapipe/concurrency.hpp>
#include <filesystem>
#include <future>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::size_t threads_of_this_process() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

adapipe::Pipeline::Builder builder_on(const adapipe::Runtime& runtime) {
  adapipe::Pipeline::Builder builder;
  builder.add(adapipe::zstd()).chunk_size(adapipe::ChunkSize::from_kib(64)).runtime(runtime);
  return builder;
}

// -- error handling with clean-up -----------------------------------------------------------------
// The first error comes out, with its place. By then everything is back, and nothing is left
// behind.
void show_clean_up(const std::string& file, const adapipe::Runtime& runtime) {
  const auto broken = adapipe::tap([](const adapipe::ChunkInfo& chunk, auto) {
    if (chunk.index == 3) throw std::runtime_error("no luck");
  });
  try {
    builder_on(runtime).add(broken).build().process(file, file + ".broken");
  } catch (const adapipe::Error& error) {
    std::cout << "failed: " << error.what() << '\n';
  }
  std::cout << "memory held: " << runtime.memory_in_use_bytes()
            << ", output: " << (std::filesystem::exists(file + ".broken") ? "there" : "none")
            << '\n';
}

// -- too many tasks -------------------------------------------------------------------------------
// Hundreds of operations queue for a place, holding nothing, and a thousand callables for a worker.
void show_many(const std::string& file) {
  const adapipe::Runtime runtime(
      {.worker_threads = 2, .io_threads = 4, .max_concurrent_operations = 8});
  const std::size_t before = threads_of_this_process();
  const adapipe::Pipeline pipeline = builder_on(runtime).build();
  std::vector<adapipe::Operation> operations;
  for (int i = 0; i < 300; ++i)
    operations.push_back(pipeline.start(file, adapipe::Sink::discard()));
  adapipe::WorkerPool pool(100, runtime);
  std::vector<std::future<void>> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(pool.execute([] {}));
  const std::size_t more = threads_of_this_process() - before;
  for (const adapipe::Report& report : adapipe::when_all(std::move(operations)).get())
    if (report.chunks == 0) std::cout << "an operation did nothing\n";
  for (auto& task : tasks) task.get();
  std::cout << "300 operations, 1000 tasks: all done, " << (more <= 4 ? "no" : "too many")
            << " threads more than the Runtime may have\n";
}

// -- deadlock -------------------------------------------------------------------------------------
// The only worker waits for operations and tasks of the Runtime whose only worker it is. It runs
// them itself.
void show_waiting_for_oneself(const std::string& file) {
  const adapipe::Runtime runtime({.worker_threads = 1});
  adapipe::WorkerPool pool(1, runtime);
  const adapipe::Pipeline inner = builder_on(runtime).build();
  const auto waits = adapipe::tap([&](const adapipe::ChunkInfo&, auto bytes) {
    const adapipe::Operation started =
        inner.start(adapipe::Source::memory(bytes), adapipe::Sink::discard());
    pool.execute([&pool] { pool.execute([] {}).get(); }).get();
    started.wait();
  });
  builder_on(runtime).add(waits).build().process(file, adapipe::Sink::discard());
  std::cout << "a worker that waits for itself: done\n";
}

// -- producer overwhelms consumer -----------------------------------------------------------------
// The consumer takes nothing until the producer has given all it can: a few chunks, not the file.
void show_fast_producer(const adapipe::Runtime& runtime) {
  struct StuckSink final : adapipe::SinkImpl {
    explicit StuckSink(std::shared_future<void> may_go) : go(std::move(may_go)) {}
    void write(std::span<const std::byte>) override { go.wait(); }
    void commit() override {}
    void abandon() noexcept override {}
    std::shared_future<void> go;
  };
  std::promise<void> go;
  adapipe::Writer writer(builder_on(runtime).build(),
                         adapipe::Sink(std::make_unique<StuckSink>(go.get_future().share())),
                         {.max_in_flight = 4});
  const std::vector<std::byte> block(64 * 1024);
  std::size_t taken = 0;
  for (int i = 0; i < 100'000; ++i) taken += writer.try_write(block);
  std::cout << "of 6 GB, while nothing was consumed, "
            << (taken <= 5 * block.size() ? "less than five" : "more than five")
            << " chunks were taken\n";
  go.set_value();
  writer.finish();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: example_concurrency_trouble FILE\n";
    return 64;
  }
  const adapipe::Runtime runtime({.worker_threads = 2});
  show_clean_up(argv[1], runtime);
  show_many(argv[1]);
  show_waiting_for_oneself(argv[1]);
  show_fast_producer(runtime);
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
