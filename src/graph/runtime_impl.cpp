#include "graph/runtime_impl.hpp"

#include <openssl/crypto.h>
#include <unistd.h>

#include <adapipe/error.hpp>
#include <algorithm>
#include <string>

#include "util/machine.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::size_t kMaxWorkers = 1024;
constexpr std::size_t kMaxIoThreads = 4096;
constexpr std::size_t kDefaultOperations = 256;
constexpr std::size_t kMaxDefaultMemory = std::size_t{1} << 30;

// oneTBB counts the graphs of an arena in 12 bits.
constexpr std::size_t kMaxOperations = 2000;

/// What an operation needs on top of the threads that read for it, see reads_per_operation().
constexpr std::size_t kWriters = 1;

/// Enough for all operations to have every chunk read at once, by the default of max_in_flight.
std::size_t default_io_threads(std::size_t operations, std::size_t workers) {
  return operations * (2 * workers + 2 + kWriters) + 1;
}

std::size_t within(std::size_t value, std::size_t otherwise, std::size_t most, const char* what) {
  if (value == 0) return std::min(otherwise, most);
  if (value > most)
    throw Error(errc::invalid_argument,
                std::string(what) + " is more than " + std::to_string(most));
  return value;
}

}  // namespace

RuntimeImpl::RuntimeImpl(const RuntimeOptions& options, bool serial)
    : process_(getpid()),
      operations_(within(options.max_concurrent_operations, kDefaultOperations, kMaxOperations,
                         "max_concurrent_operations")),
      memory_(within(options.memory_bytes, std::min(usable_memory_bytes() / 4, kMaxDefaultMemory),
                     SIZE_MAX, "memory_bytes")),
      continuations_(std::make_shared<ContinuationRunner>(options.post, options.thread_name)) {
  if (serial) {
    continuations_->close();  // they run in place
    return;
  }
  // OpenSSL tidies up at exit. Set up before a static Runtime is complete, it does so after that
  // has ended, and our threads, for which it keeps state, are gone by then. (Without an option the
  // call does nothing.)
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  const std::size_t workers =
      within(options.worker_threads, usable_cpus(), kMaxWorkers, "worker_threads");
  const std::size_t operations = operations_.capacity();
  const std::size_t io_threads = within(options.io_threads, default_io_threads(operations, workers),
                                        kMaxIoThreads, "io_threads");
  reads_per_operation_ = std::max((io_threads - 1) / operations, kWriters + 1) - kWriters;
  io_.emplace(io_threads, options.thread_name);
  workers_.emplace(workers, options.thread_name);
}

RuntimeImpl::~RuntimeImpl() {
  // Operations in flight have handles to the runtime, so none is; their last acts may still come.
  workers_.reset();
  io_.reset();
  continuations_->close();
}

bool RuntimeImpl::is_forked_copy() const noexcept { return getpid() != process_; }

void RuntimeImpl::check_not_forked() const {
  if (is_forked_copy())
    throw Error(errc::resource_exhausted,
                "this Runtime was made before fork(); its threads do not exist in the child");
}

}  // namespace adapipe::inline v0_1
