#include "graph/failure_latch.hpp"

#include <exception>
#include <new>
#include <utility>

namespace adapipe::inline v0_1 {
namespace {

// Made while there is memory: copying an Error takes none, making one does. And before static
// objects of the host's, so that it is there until the last of those has ended.
[[gnu::init_priority(1000)]] const Error kOutOfMemory(errc::resource_exhausted, "out of memory");

Error make_error(errc kind, const char* message) noexcept {
  try {
    return Error(kind, message);
  } catch (...) {
    return kOutOfMemory;
  }
}

}  // namespace

bool FailureLatch::fail(Error error) noexcept {
  const std::lock_guard lock(mutex_);
  if (error_ || closed_) return false;
  error_.emplace(std::move(error));
  failed_.store(true, std::memory_order_relaxed);
  return true;
}

bool FailureLatch::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = !error_;
  return closed_;
}

void FailureLatch::fail_commit(Error error) noexcept {
  const std::lock_guard lock(mutex_);
  error_.emplace(std::move(error));
  failed_.store(true, std::memory_order_relaxed);
}

Error FailureLatch::current_exception_as_error(errc otherwise) noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return kOutOfMemory;
  } catch (const std::exception& error) {
    return make_error(otherwise, error.what());
  } catch (...) {
    return make_error(otherwise, "threw something that is not a std::exception");
  }
}

std::optional<Error> FailureLatch::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace adapipe::inline v0_1
