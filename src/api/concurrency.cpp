#include <sys/resource.h>

#include <adapipe/concurrency.hpp>
#include <algorithm>

#include "api/plan_cost.hpp"
#include "graph/runtime_impl.hpp"
#include "util/machine.hpp"

namespace adapipe::inline v0_1 {

namespace {

std::size_t concurrency(std::uint64_t input_bytes, ChunkSize chunk_size, std::size_t fit) {
  const std::uint64_t chunks = input_bytes / chunk_size.bytes() +
                               (input_bytes % chunk_size.bytes() != 0 ? std::uint64_t{1} : 0);
  const std::uint64_t most =
      std::min({chunks, std::uint64_t{fit}, std::uint64_t{2 * usable_cpus()}});
  return static_cast<std::size_t>(std::max<std::uint64_t>(most, 1));
}

}  // namespace

std::size_t optimal_worker_count(Workload workload) {
  const std::size_t cpus = usable_cpus();
  switch (workload) {
    case Workload::io_bound:
      return 2 * cpus;
    case Workload::mixed:
      return cpus + (cpus + 1) / 2;
    case Workload::cpu_bound:
      break;
  }
  return cpus;
}

std::size_t optimal_concurrency(std::uint64_t input_bytes, ChunkSize chunk_size,
                                std::size_t memory_bytes) {
  return concurrency(input_bytes, chunk_size, memory_bytes / 2 / chunk_size.bytes());
}

std::size_t optimal_concurrency(std::uint64_t input_bytes, ChunkSize chunk_size,
                                std::size_t memory_bytes, const Pipeline& pipeline) {
  return concurrency(input_bytes, chunk_size,
                     chunk_cost(pipeline.plan(), chunk_size).most_within(memory_bytes));
}

std::size_t ResourceLimits::max_parallel_chunks(ChunkSize chunk_size,
                                                const Pipeline& pipeline) const {
  const std::size_t fit = chunk_cost(pipeline.plan(), chunk_size).most_within(memory_bytes);
  return std::min({fit, tasks, file_handles});
}

std::size_t ResourceLimits::default_memory_bytes() { return default_budget_bytes(); }

std::size_t ResourceLimits::default_tasks() { return optimal_worker_count(Workload::io_bound); }

std::size_t ResourceLimits::default_file_handles() {
  rlimit limit{};
  // POSIX has it fail for nothing but a wrong argument.
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace adapipe::inline v0_1
