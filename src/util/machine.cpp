#include "util/machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>
#include <thread>

namespace adapipe::inline v0_1 {

namespace {

/// The cgroup v2 path of this process, such as "/user.slice"; empty if there is none.
std::string cgroup_v2_path() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::")) return line.substr(3);
  return {};
}

/// Calls `visit` with the file `name` of this process's cgroup and of all above it: each of them
/// limits it.
template <typename Visit>
void for_each_cgroup_file(const std::string& name, Visit visit) {
  std::string path = cgroup_v2_path();
  while (true) {
    std::ifstream file("/sys/fs/cgroup" + path + "/" + name);
    if (file) visit(file);
    const std::size_t slash = path.rfind('/');
    if (path.empty() || slash == std::string::npos) return;
    path.erase(slash);
  }
}

std::optional<double> read_number(const char* path) {
  std::ifstream file(path);
  double value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

}  // namespace

std::vector<unsigned> affinity_cpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  } else {
    cpus.resize(std::max(1u, std::thread::hardware_concurrency()));
    std::iota(cpus.begin(), cpus.end(), 0u);
  }
  return cpus;
}

std::size_t usable_cpus() {
  double cpus = static_cast<double>(affinity_cpus().size());
  for_each_cgroup_file("cpu.max", [&cpus](std::ifstream& file) {
    double quota = 0;
    double period = 0;
    if (file >> quota >> period && period > 0) cpus = std::min(cpus, quota / period);
  });
  const auto quota = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const auto period = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) cpus = std::min(cpus, *quota / *period);
  return static_cast<std::size_t>(std::max(1.0, std::ceil(cpus)));
}

std::size_t usable_memory_bytes() {
  const auto pages = sysconf(_SC_PHYS_PAGES);
  const auto page_bytes = sysconf(_SC_PAGESIZE);
  double bytes = static_cast<double>(pages) * static_cast<double>(page_bytes);
  const auto limit = [&bytes](std::ifstream& file) {
    double value = 0;
    if (file >> value && value > 0) bytes = std::min(bytes, value);
  };
  for_each_cgroup_file("memory.max", limit);
  if (std::ifstream v1("/sys/fs/cgroup/memory/memory.limit_in_bytes"); v1) limit(v1);
  return static_cast<std::size_t>(bytes);
}

}  // namespace adapipe::inline v0_1
