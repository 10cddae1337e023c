#include "graph/worker_arena.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <exception>
#include <latch>
#include <string>
#include <system_error>

namespace adapipe::inline v0_1 {

namespace {

thread_local const WorkerArena* this_threads_arena = nullptr;

// oneTBB gives an arena of one slot a second one, which its own workers may take. With every slot
// reserved, seats or not, they have no business here.
int slots(std::size_t threads) { return static_cast<int>(std::max<std::size_t>(threads, 2)); }

}  // namespace

WorkerArena::WorkerArena(std::size_t threads, const ThreadOptions& options)
    : arena_(slots(threads), static_cast<unsigned>(slots(threads))), hold_(session_.defer([] {})) {
  std::latch seated(static_cast<std::ptrdiff_t>(threads));
  seats_.reserve(threads);
  try {
    while (seats_.size() < threads) {
      seats_.emplace_back(options, "-cpu", [this, &seated] {
        this_threads_arena = this;
        arena_.execute([this, &seated] {
          seated.count_down();
          session_.wait();
        });
      });
    }
  } catch (const std::exception& error) {
    seated.count_down(static_cast<std::ptrdiff_t>(threads - seats_.size()));
    seated.wait();
    dismiss();
    const auto* const code = dynamic_cast<const std::system_error*>(&error);
    if (code && code->code() == std::errc::invalid_argument && !options.cpus.empty())
      throw Error(errc::invalid_argument, "the process may run on none of the CPUs in cpus");
    throw Error(errc::resource_exhausted,
                "cannot start " + std::to_string(threads) + " worker threads: " + error.what());
  }
  seated.wait();
}

WorkerArena::~WorkerArena() { dismiss(); }

std::chrono::nanoseconds WorkerArena::cpu_time() const noexcept {
  std::chrono::nanoseconds sum{};
  for (const OwnThread& seat : seats_) sum += seat.cpu_time();
  return sum;
}

bool WorkerArena::runs_on_this_thread() const noexcept { return this_threads_arena == this; }

void WorkerArena::enqueue_prepared(Prepared prepared) {
  try {
    arena_.enqueue(std::move(prepared.task));
  } catch (...) {
    // oneTBB (2021.8) takes the task, then starts a thread of its own if it has none and wants one,
    // and wakes the workers last. It tries to start that thread only once.
    arena_.enqueue(std::move(prepared.announcement));
    throw;
  }
}

void WorkerArena::dismiss() noexcept {
  hold_ = {};
  for (OwnThread& seat : seats_) seat.join();
  seats_.clear();
}

}  // namespace adapipe::inline v0_1
