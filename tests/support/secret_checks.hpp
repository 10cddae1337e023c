#pragma once

#include <adapipe/error.hpp>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/memory_scan.hpp"
#include "support/thrown.hpp"

namespace adapipe::testing {

/// Checks that nothing is left in memory of what `needles()` gives once `use()` is over.
template <typename Use, typename Needles>
void check_leaves_nothing(Use&& use, Needles&& needles) {
  // On a thread of its own, whose dead stack nothing overwrites.
  std::thread(std::forward<Use>(use)).join();
  CHECK(describe(find_in_memory(needles())) == std::vector<std::string>());
}

/// What errors say, collected to look for secrets in it.
class Messages {
 public:
  template <typename Body>
  void expect_error(errc expected, Body&& body) {
    const Error error = thrown_by(std::forward<Body>(body));
    INFO(error.what());
    CHECK(error.kind() == expected);
    all_.emplace_back(error.what());
  }

  std::size_t count() const noexcept { return all_.size(); }

  void check_without(const std::vector<Needle>& needles) const {
    for (const Needle& needle : needles)
      for (const std::string& message : all_) {
        INFO(needle.name() << " in: " << message);
        CHECK_FALSE(needle.is_in(as_bytes(message)));
      }
  }

 private:
  std::vector<std::string> all_;
};

}  // namespace adapipe::testing
