#include "util/stack_wipe.hpp"

#include <cstdint>

namespace adapipe::inline v0_1 {
namespace {

// A function may leave anything in these registers (System V ABI for AMD64, 3.2.1).
#if defined(__x86_64__)
[[gnu::target("avx512f")]] void clear_registers_16_to_31() noexcept {
  asm volatile(
      ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n\t"
      "vpxorq %%zmm\\n, %%zmm\\n, %%zmm\\n\n\t"
      ".endr" ::
          : "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",  //
            "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
}

void clear_vector_registers() noexcept {
  asm volatile(
      ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\t"
      "pxor %%xmm\\n, %%xmm\\n\n\t"
      ".endr" ::
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",  //
            "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
  if (__builtin_cpu_supports("avx")) asm volatile("vzeroall" ::);
  if (__builtin_cpu_supports("avx512f")) clear_registers_16_to_31();
}
#else
void clear_vector_registers() noexcept {}
#endif

}  // namespace

/// Calls nothing of other libraries: where functions are bound at their first call, that would save
/// the registers on the stack below.
[[gnu::noinline]] void StackWipe::overwrite() noexcept {
  volatile std::uint64_t frames[512];  // OpenSSL's frames take up to 2.5 of these 4 KiB
  for (volatile std::uint64_t& word : frames) word = 0;
  clear_vector_registers();
}

}  // namespace adapipe::inline v0_1
