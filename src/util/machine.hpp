#pragma once

#include <cstddef>
#include <vector>

namespace adapipe::inline v0_1 {

/// CPUs this process may use: its affinity mask or its cgroup's quota (v2 cpu.max, v1 cfs),
/// whichever is smaller, rounded up; at least 1. oneTBB heeds the quota only since 2022.3.
std::size_t usable_cpus();

/// The CPUs the calling thread may run on, by the system's numbers, in ascending order.
std::vector<unsigned> affinity_cpus();

/// Memory this process may use, in bytes: the machine's, or the smallest limit of its cgroups.
std::size_t usable_memory_bytes();

}  // namespace adapipe::inline v0_1
