// The exponential and the logarithm in single precision, without branches and tables.
//
// T is Floats, or float in loops that compilers vectorise by themselves. Both types give the same
// bits if the compiler contracts products and sums alike for both.
//
// The functions are in the namespace of the instruction set, so that copies compiled for different
// sets are never merged. Include this header from kernels only.
#pragma once

#include "kernels/simd/floats.hpp"

namespace tsnekit::TSNEKIT_ISA {

// For one float, the functions that Floats has for its lanes.

inline float max(float a, float b) { return a > b ? a : b; }
inline float min(float a, float b) { return a < b ? a : b; }
inline float reciprocal(float x) { return 1.0f / x; }
inline float select_below(float x, float bound, float yes, float no) { return x < bound ? yes : no; }
inline float scale(float x, float n) {
  return x * power_of_two(n);
}
inline float split(float x, float& exponent) {
  // Unsigned, because the sign bit of -0 may overflow.
  const auto offset = static_cast<std::int32_t>(static_cast<std::uint32_t>(float_bits(x)) -
                                                static_cast<std::uint32_t>(sqrt_half_bits));
  exponent = static_cast<float>(offset >> 23);
  return float_from_bits((offset & mantissa_mask) + sqrt_half_bits);
}

// e^x, to a relative error of 1e-7. The result is 0 below the smallest normal number, and at most
// about 2.4e38. NaN stays NaN.
template <class T>
[[gnu::always_inline]] inline T fast_exp(const T& x) {
  const T lowest(-87.336f), highest(88.37f);
  // ln 2 in two parts. The first part has so few bits that its product with the exponent is exact.
  const T ln2_high(0.693359375f), ln2_low(-2.12194440e-4f);
  const T magic(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer

  const T bounded = min(highest, max(lowest, x));
  const T n = (bounded * T(1.44269504f) + magic) - magic;
  const T r = (bounded - n * ln2_high) - n * ln2_low;
  // e^r = 1 + r + r^2 p(r). The relative error of p is minimal on |r| <= ln(2) / 2.
  T p(0.00138145988f);
  p = p * r + T(0.00836871658f);
  p = p * r + T(0.0416683890f);
  p = p * r + T(0.166665211f);
  p = p * r + T(0.499999940f);
  return select_below(x, lowest, T(0.0f), scale((p * r * r + r) + T(1.0f), n));
}

// The natural logarithm of 2^`power` x, to a relative error of 1e-7, for a positive normal x.
template <class T>
[[gnu::always_inline]] inline T log_of_normal(const T& x, const T& power) {
  const T ln2_high(0.693359375f), ln2_low(-2.12194440e-4f);
  T exponent;
  const T z = split(x, exponent) - T(1.0f);
  exponent = exponent + power;
  // log(1 + z) = z - z^2 / 2 + z^3 p(z). The relative error of p is minimal.
  T p(-0.0763449296f);
  p = p * z + T(0.127615750f);
  p = p * z - T(0.131601825f);
  p = p * z + T(0.142017588f);
  p = p * z - T(0.166233569f);
  p = p * z + T(0.200012267f);
  p = p * z - T(0.250008196f);
  p = p * z + T(0.333333313f);
  const T z2 = z * z;
  const T tail = exponent * ln2_low + (p * z * z2 - T(0.5f) * z2);
  return exponent * ln2_high + (z + tail);
}

// The natural logarithm of a finite x >= 0, to a relative error of 1e-7, also for denormal x. At 0
// it is a finite negative number, so that 0 * fast_log(0) is 0.
template <class T>
[[gnu::always_inline]] inline T fast_log(const T& x) {
  const T smallest_normal(1.17549435e-38f), two_to_23(8388608.0f);
  return log_of_normal(select_below(x, smallest_normal, x * two_to_23, x),
                       select_below(x, smallest_normal, T(-23.0f), T(0.0f)));
}

// log(1 + x), to a relative error of 2e-7, for a finite x >= 0 whose reciprocal is a normal number.
template <class T>
[[gnu::always_inline]] inline T fast_log1p(const T& x) {
  const T sum = x + T(1.0f);
  const T lost = x - (sum - T(1.0f));  // the rounding error of the sum; exact where it matters
  return log_of_normal(sum, T(0.0f)) + lost * reciprocal(sum);
}

}  // namespace tsnekit::TSNEKIT_ISA
