// Which instruction set the kernels run on.
//
// A kernel is written once, in `kernels/FOLDER/NAME.cpp`, inside `namespace tsnekit::TSNEKIT_ISA`.
// It is compiled once per instruction set. Its header declares it with TSNEKIT_DECLARE, which also
// makes `tsnekit::NAME` call the copy for the instruction set in use.
#pragma once

#include <utility>

namespace tsnekit {

enum class Isa { baseline, avx2, avx512 };

// The best set that both the processor and the build have. The environment variable TSNEKIT_ISA
// (baseline, avx2 or avx512) asks for a lower set, for tests and benchmarks. It is read once.
Isa active_isa() noexcept;

const char* isa_name() noexcept;

}  // namespace tsnekit

#ifdef TSNEKIT_X86_DISPATCH
#define TSNEKIT_DISPATCH(NAME)                                              \
  template <class... Args>                                                  \
  auto NAME(Args&&... args) {                                               \
    switch (active_isa()) {                                                 \
      case Isa::avx512: return avx512::NAME(std::forward<Args>(args)...);   \
      case Isa::avx2: return avx2::NAME(std::forward<Args>(args)...);       \
      default: return baseline::NAME(std::forward<Args>(args)...);          \
    }                                                                       \
  }
#define TSNEKIT_DECLARE(RESULT, NAME, ...)      \
  namespace baseline { RESULT NAME(__VA_ARGS__); } \
  namespace avx2 { RESULT NAME(__VA_ARGS__); }     \
  namespace avx512 { RESULT NAME(__VA_ARGS__); }   \
  TSNEKIT_DISPATCH(NAME)
#else
#define TSNEKIT_DECLARE(RESULT, NAME, ...)      \
  namespace baseline { RESULT NAME(__VA_ARGS__); } \
  using baseline::NAME;
#endif
