#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace adapipe::testing {

/// While it lives, the process gets no more pages than it has.
class FullAddressSpace {
 public:
  FullAddressSpace() {
    rlim_t mapped_pages = 0;
    std::ifstream("/proc/self/statm") >> mapped_pages;
    if (::getrlimit(RLIMIT_AS, &before_) != 0) throw std::runtime_error("no limit to be read");
    rlimit full = before_;
    full.rlim_cur = mapped_pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
    if (::setrlimit(RLIMIT_AS, &full) != 0) throw std::runtime_error("no limit to be set");
  }
  ~FullAddressSpace() { ::setrlimit(RLIMIT_AS, &before_); }
  FullAddressSpace(const FullAddressSpace&) = delete;

 private:
  rlimit before_{};
};

}  // namespace adapipe::testing
