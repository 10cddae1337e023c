#include "support/memory_scan.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "io/posix.hpp"

namespace adapipe::testing {

namespace {

constexpr std::uint64_t kMask = 0xA5A5A5A5A5A5A5A5;
constexpr std::uintptr_t kMaxMappingBytes = std::uintptr_t{1} << 30;
constexpr std::size_t kBlockBytes = 1 << 20;

/// Through the file, because reading an address that was just unmapped would end the process.
std::size_t read_memory(int memory, std::uintptr_t address, std::span<std::byte> to) {
  const ssize_t got = ::pread(memory, to.data(), to.size(), static_cast<off_t>(address));
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

/// Looks for all parts of all needles at once.
class Search {
 public:
  explicit Search(const std::vector<Needle>& needles) {
    for (const Needle& needle : needles)
      for (const std::uint64_t part : needle.masked_parts()) {
        needles_.emplace(part, &needle);
        may_begin_[(part ^ kMask) & 0xFFFF] = true;
      }
  }

  void add_found(ByteSpan bytes, std::set<std::string>& names) const {
    // In the fewest calls, for a sanitized build inlines none.
    const std::byte* const data = bytes.data();
    const bool* const may_begin = may_begin_.data();
    const std::size_t end = bytes.size();
    for (std::size_t at = 0; at + Needle::kPartBytes <= end; ++at) {
      std::uint64_t word;
      std::memcpy(&word, data + at, sizeof(word));
      if (!may_begin[word & 0xFFFF]) continue;
      const auto [first, last] = needles_.equal_range(word ^ kMask);
      for (auto needle = first; needle != last; ++needle) names.insert(needle->second->name());
    }
  }

 private:
  std::multimap<std::uint64_t, const Needle*> needles_;  // by their masked parts
  std::array<bool, 0x10000> may_begin_{};                // a part, with these two bytes
};

/// The names of what is in the mapping. `block` is empty again afterwards: it lies in memory that
/// is looked at, too.
std::set<std::string> found_in(const Mapping& mapping, const Search& search, int memory,
                               std::span<std::byte> block) {
  std::set<std::string> names;
  for (auto at = mapping.begin; at < mapping.end; at += block.size() - Needle::kPartBytes) {
    const auto part = block.first(std::min<std::size_t>(block.size(), mapping.end - at));
    search.add_found(part.first(read_memory(memory, at, part)), names);
    std::ranges::fill(part, std::byte{});
  }
  return names;
}

}  // namespace

Needle::Needle(std::string name, ByteSpan secret) : name_(std::move(name)) {
  for (std::size_t at = 0; at + kPartBytes <= secret.size(); at += kPartBytes) {
    std::uint64_t word;
    std::memcpy(&word, &secret[at], sizeof(word));
    masked_parts_.push_back(word ^ kMask);
  }
}

bool Needle::is_in(ByteSpan bytes) const {
  std::set<std::string> names;
  Search({*this}).add_found(bytes, names);
  return !names.empty();
}

std::vector<Mapping> writable_mappings() {
  std::vector<Mapping> mappings;
  bool writable = false;
  std::ifstream file("/proc/self/smaps");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string range, permissions, offset, device, inode, name;
    fields >> range >> permissions >> offset >> device >> inode >> name;
    if (range == "VmFlags:" && writable) {
      mappings.back().flags_known = true;
      mappings.back().dumped = (line + " ").find(" dd ") == std::string::npos;
    } else if (const std::size_t dash = range.find('-'); dash != std::string::npos) {
      writable = permissions.find('w') != std::string::npos;
      if (writable)
        mappings.push_back({.begin = std::stoull(range.substr(0, dash), nullptr, 16),
                            .end = std::stoull(range.substr(dash + 1), nullptr, 16),
                            .name = name.empty() ? range : name});
    }
  }
  return mappings;
}

std::vector<Finding> find_in_memory(const std::vector<Needle>& needles) {
  const auto memory = Descriptor::owned(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  const Search search(needles);
  Bytes block(kBlockBytes);
  std::vector<Finding> findings;
  for (const Mapping& mapping : writable_mappings()) {
    if (mapping.name == "[stack]" || mapping.end - mapping.begin > kMaxMappingBytes) continue;
    for (const std::string& secret : found_in(mapping, search, memory.get(), block))
      findings.push_back({.secret = secret, .mapping = mapping});
  }
  return findings;
}

std::vector<std::string> describe(const std::vector<Finding>& findings) {
  std::vector<std::string> lines;
  for (const Finding& finding : findings)
    lines.push_back(fmt::format("{} in {}", finding.secret, finding.mapping.name));
  return lines;
}

}  // namespace adapipe::testing
