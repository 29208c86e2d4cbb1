#include "isa.hpp"

#include <cstdlib>
#include <cstring>

namespace tsnekit {
namespace {

Isa best_isa() noexcept {
#if defined(TSNEKIT_X86_DISPATCH) && (defined(__GNUC__) || defined(__clang__))
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return Isa::avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::baseline;
}

constexpr const char* names[] = {"baseline", "avx2", "avx512"};

Isa chosen_isa() noexcept {
  const Isa best = best_isa();
  const char* asked = std::getenv("TSNEKIT_ISA");
  if (asked == nullptr) return best;
  for (int i = 0; i < static_cast<int>(best); ++i) {
    if (std::strcmp(asked, names[i]) == 0) return static_cast<Isa>(i);
  }
  return best;
}

}  // namespace

Isa active_isa() noexcept {
  static const Isa isa = chosen_isa();
  return isa;
}

const char* isa_name() noexcept { return names[static_cast<int>(active_isa())]; }

}  // namespace tsnekit
