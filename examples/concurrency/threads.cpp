// Who does the work: the threads of a Runtime, and how a host shares them.
//
//   example_concurrency_threads FILE

#include <adapipe/adapipe.hpp>
#include <adapipe/concurrency.hpp>
#include <fstream>
#include <future>
#include <iostream>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace {

/// The name that `top -H` shows for the calling thread.
std::string thread_name() {
  std::string name;
  std::getline(std::ifstream("/proc/thread-self/comm"), name);
  return name;
}

/// Notes which threads have called it.
class Who {
 public:
  void note() {
    const std::lock_guard lock(mutex_);
    names_.insert(thread_name());
  }
  std::string names() const {
    std::string all;
    for (const std::string& name : names_) all += (all.empty() ? "" : ", ") + name;
    return all;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> names_;
};

/// I/O may wait, so it is behind an interface that a thread for I/O calls. This one reads a stream
/// of the host's, and notes who does.
class NotingSource final : public adapipe::SourceImpl {
 public:
  NotingSource(std::istream& from, Who& readers) : from_(from), readers_(readers) {}
  std::size_t read(std::span<std::byte> to) override {
    readers_.note();
    from_.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
    return static_cast<std::size_t>(from_.gcount());
  }

 private:
  std::istream& from_;
  Who& readers_;
};

adapipe::Pipeline noting_pipeline(const adapipe::Runtime& runtime, Who& workers) {
  return adapipe::Pipeline::Builder()
      .add(adapipe::tap([&workers](const adapipe::ChunkInfo&, auto) { workers.note(); }))
      .add(adapipe::zstd())
      .chunk_size(adapipe::ChunkSize::from_kib(64))
      .runtime(runtime)
      .build();
}

// -- async layer for I/O, sync layer for CPU ------------------------------------------------------
// Whatever may wait is called on I/O threads. Stages are plain functions on the workers.
void show_layers(const std::string& file, const adapipe::Runtime& runtime) {
  Who readers, workers;
  std::ifstream stream(file, std::ios::binary);
  noting_pipeline(runtime, workers)
      .process(adapipe::Source(std::make_unique<NotingSource>(stream, readers)),
               adapipe::Sink::discard());
  std::cout << "read on: " << readers.names() << "\nstages on: " << workers.names() << '\n';
}

// -- multi-thread runtime with workers, name, stack size; work-stealing scheduler -----------------
// A Runtime has its own threads. Idle ones take the chunks that others have not come to.
adapipe::Runtime make_runtime() {
  adapipe::Runtime runtime(
      {.worker_threads = adapipe::optimal_worker_count(adapipe::Workload::cpu_bound),
       .thread_name = "mine",
       .stack_bytes = 4 << 20});
  std::cout << "workers, one for each CPU: " << runtime.worker_threads() << '\n';
  return runtime;
}

// -- current-thread runtime for tests -------------------------------------------------------------
// The serial Runtime has no threads: everything happens here, in an order that never changes.
void show_serial(const std::string& file) {
  Who workers;
  noting_pipeline(adapipe::Runtime::serial(), workers).process(file, adapipe::Sink::discard());
  std::cout << "serial on: " << workers.names() << '\n';
}

// -- async functions, parallel awaits -------------------------------------------------------------
// start() does not wait. when_all() waits for several, and throws the first error of the list.
void show_awaits(const std::string& file, const adapipe::Runtime& runtime) {
  Who workers;
  const adapipe::Pipeline pipeline = noting_pipeline(runtime, workers);
  const auto all = adapipe::when_all(pipeline.start(file, adapipe::Sink::discard()),
                                     pipeline.start(file, adapipe::Sink::discard()),
                                     pipeline.start(file, adapipe::Sink::discard()));
  std::uint64_t bytes = 0;
  for (const adapipe::Report& report : all.get()) bytes += report.input_bytes;
  std::cout << "three at once: " << bytes << " bytes\n";
}

// -- worker pool with `execute` -------------------------------------------------------------------
// The host's own functions on the same workers, at most two at once. Results and exceptions come
// out of the future.
void show_pool(const adapipe::Runtime& runtime) {
  adapipe::WorkerPool pool(2, runtime);
  std::vector<std::future<int>> squares;
  for (int n = 1; n <= 5; ++n) squares.push_back(pool.execute([n] { return n * n; }));
  std::cout << "squares:";
  for (auto& square : squares) std::cout << ' ' << square.get();
  std::future<std::string> name = pool.execute(thread_name);
  std::future<int> fails = pool.execute([]() -> int { throw std::runtime_error("no luck"); });
  std::cout << "\nexecuted on: " << name.get() << '\n';
  try {
    fails.get();
  } catch (const std::runtime_error& error) {
    std::cout << "thrown there, caught here: " << error.what() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: example_concurrency_threads FILE\n";
    return 64;
  }
  const adapipe::Runtime runtime = make_runtime();
  show_layers(argv[1], runtime);
  show_serial(argv[1]);
  show_awaits(argv[1], runtime);
  show_pool(runtime);
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
