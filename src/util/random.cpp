#include "util/random.hpp"

#include <sys/random.h>

#include <adapipe/error.hpp>
#include <cerrno>
#include <system_error>

#include "util/for_good.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// The kernel's generator itself: OpenSSL's would keep state for every thread that asks.
class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got >= 0)
        out = out.subspan(static_cast<std::size_t>(got));
      else if (errno != EINTR)
        throw Error(errc::resource_exhausted, "the system gives no random bytes")
            .caused_by(std::error_code(errno, std::system_category()));
    }
  }
};

}  // namespace

RandomSource& system_random() noexcept {
  static ForGood<SystemRandom> random;
  return *random;
}

}  // namespace adapipe::inline v0_1
