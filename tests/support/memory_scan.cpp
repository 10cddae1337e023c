#include "support/memory_scan.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "io/posix.hpp"

namespace adapipe::testing {

namespace {

constexpr std::byte kMask{0xA5};
constexpr std::uintptr_t kMaxMappingBytes = std::uintptr_t{1} << 30;
constexpr std::size_t kBlockBytes = 1 << 20;

/// Through the file, because reading an address that was just unmapped would end the process.
std::size_t read_memory(int memory, std::uintptr_t address, std::span<std::byte> to) {
  const ssize_t got = ::pread(memory, to.data(), to.size(), static_cast<off_t>(address));
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

/// Which of the needles are in the mapping. `block` is empty again afterwards: it lies in memory
/// that is looked at, too.
std::vector<std::string> needles_in(const Mapping& mapping, const std::vector<Needle>& needles,
                                    int memory, std::span<std::byte> block) {
  std::vector<std::string> found;
  for (auto at = mapping.begin; at < mapping.end; at += block.size() - Needle::kPartBytes) {
    const auto part = block.first(std::min<std::size_t>(block.size(), mapping.end - at));
    const std::size_t got = read_memory(memory, at, part);
    for (const Needle& needle : needles)
      if (needle.is_in(part.first(got)) && std::ranges::count(found, needle.name()) == 0)
        found.push_back(needle.name());
    std::ranges::fill(part, std::byte{});
  }
  return found;
}

}  // namespace

Needle::Needle(std::string name, ByteSpan secret) : name_(std::move(name)) {
  for (const std::byte b : secret) masked_.push_back(b ^ kMask);
}

bool Needle::is_in(ByteSpan bytes) const noexcept {
  for (std::size_t at = 0; at + kPartBytes <= masked_.size(); at += kPartBytes)
    if (has_part(bytes, ByteSpan(masked_).subspan(at, kPartBytes))) return true;
  return false;
}

bool Needle::has_part(ByteSpan bytes, ByteSpan masked_part) const noexcept {
  const int first = std::to_integer<int>(masked_part.front() ^ kMask);
  while (bytes.size() >= masked_part.size()) {
    const void* const hit = std::memchr(bytes.data(), first, bytes.size() - masked_part.size() + 1);
    if (hit == nullptr) return false;
    bytes =
        bytes.subspan(static_cast<std::size_t>(static_cast<const std::byte*>(hit) - bytes.data()));
    if (std::equal(masked_part.begin(), masked_part.end(), bytes.begin(),
                   [](std::byte masked, std::byte b) { return masked == (b ^ kMask); }))
      return true;
    bytes = bytes.subspan(1);
  }
  return false;
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
  Bytes block(kBlockBytes);
  std::vector<Finding> findings;
  for (const Mapping& mapping : writable_mappings()) {
    if (mapping.name == "[stack]" || mapping.end - mapping.begin > kMaxMappingBytes) continue;
    for (std::string& secret : needles_in(mapping, needles, memory.get(), block))
      findings.push_back({.secret = std::move(secret), .mapping = mapping});
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
