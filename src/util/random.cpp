#include "util/random.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <limits>

#include "util/openssl.hpp"

namespace adapipe::inline v0_1 {
namespace {

class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      const auto part =
          out.first(std::min<std::size_t>(out.size(), std::numeric_limits<int>::max()));
      check_openssl(RAND_priv_bytes(reinterpret_cast<unsigned char*>(part.data()),
                                    static_cast<int>(part.size())),
                    "RAND_priv_bytes");
      out = out.subspan(part.size());
    }
  }
};

}  // namespace

RandomSource& system_random() noexcept {
  static SystemRandom random;
  return random;
}

}  // namespace adapipe::inline v0_1
