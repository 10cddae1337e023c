#include "graph/failure_latch.hpp"

#include <exception>
#include <new>
#include <utility>

namespace adapipe::inline v0_1 {

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
    return Error(errc::resource_exhausted, "out of memory");
  } catch (const std::exception& error) {
    return Error(otherwise, error.what());
  } catch (...) {
    return Error(otherwise, "threw something that is not a std::exception");
  }
}

std::optional<Error> FailureLatch::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace adapipe::inline v0_1
