#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "util/bytes.hpp"

namespace adapipe::testing {

/// Secret bytes to look for, 8 at least. They are kept masked, so that the search does not find
/// itself.
class Needle {
 public:
  /// Parts of this size count as the secret: where it was, something else may lie by now.
  static constexpr std::size_t kPartBytes = 8;

  Needle(std::string name, ByteSpan secret);

  const std::string& name() const noexcept { return name_; }
  const std::vector<std::uint64_t>& masked_parts() const noexcept { return masked_parts_; }
  bool is_in(ByteSpan bytes) const;

 private:
  std::string name_;
  std::vector<std::uint64_t> masked_parts_;
};

/// A range of this process's address space that can be written to.
struct Mapping {
  std::uintptr_t begin;
  std::uintptr_t end;
  std::string name;          ///< the file, "[heap]", "[stack]", or the addresses
  bool flags_known = false;  ///< the system tells whether it is dumped
  bool dumped = true;        ///< it goes into a core dump
};
std::vector<Mapping> writable_mappings();

struct Finding {
  std::string secret;
  Mapping mapping;
};

/// Looks through the writable memory of the process: static data, heap, everything mapped, the
/// stacks of threads and, as long as the system keeps them, of threads that have ended. Not looked
/// at are
/// - the main thread's stack: there the tests make the secrets themselves, and what a compiler puts
///   there of a value on its way through a function is out of the source's hands;
/// - the registers, and the kernel's buffers;
/// - mappings of more than 1 GiB, which are a sanitizer's shadow.
std::vector<Finding> find_in_memory(const std::vector<Needle>& needles);

/// "the key in [heap]", one for each finding; for CHECK().
std::vector<std::string> describe(const std::vector<Finding>& findings);

}  // namespace adapipe::testing
