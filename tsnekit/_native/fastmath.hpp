// Elementary functions in single precision that compilers vectorise: no branches, no tables.
//
// They live in the namespace of the instruction set, so that copies compiled for different sets
// are never merged; include this header from kernels only.
#pragma once

#include <cstdint>
#include <cstring>

namespace tsnekit::TSNEKIT_ISA {

inline std::int32_t float_bits(float x) {
  std::int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float float_from_bits(std::int32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// e^x to a relative 1e-7. Below the smallest normal number it is 0, above the largest it stays at
// about 2.4e38; NaN stays NaN.
inline float fast_exp(float x) {
  constexpr float lowest = -87.336f, highest = 88.37f;
  constexpr float log2_e = 1.44269504f;
  // ln 2 in two parts; the first has so few bits that its product with the exponent is exact.
  constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  // Adding and subtracting 1.5 * 2^23 rounds to an integer, which is left in the low bits.
  constexpr float round_up = 12582912.0f;
  constexpr std::int32_t round_up_bits = 0x4b400000;

  const float low = x < lowest ? lowest : x;
  const float clamped = low > highest ? highest : low;
  const float shifted = clamped * log2_e + round_up;
  const float exponent = shifted - round_up;
  const float r = (clamped - exponent * ln2_high) - exponent * ln2_low;
  // e^r = 1 + r + r^2 p(r), p of minimal relative error on |r| <= ln(2) / 2.
  float p = 0.00138145988f;
  p = p * r + 0.00836871658f;
  p = p * r + 0.0416683890f;
  p = p * r + 0.166665211f;
  p = p * r + 0.499999940f;
  const float mantissa = (p * r * r + r) + 1.0f;
  const auto biased = static_cast<std::uint32_t>(float_bits(shifted) - round_up_bits + 127);
  return x < lowest ? 0.0f : mantissa * float_from_bits(static_cast<std::int32_t>(biased << 23));
}

// The natural logarithm of a finite x >= 0 to a relative 1e-7, denormals included. At 0 it is a
// finite negative number, so that 0 * fast_log(0) is 0.
inline float fast_log(float x) {
  constexpr float smallest_normal = 1.17549435e-38f, two_to_23 = 8388608.0f;
  constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  constexpr std::int32_t sqrt_half_bits = 0x3f3504f3, mantissa_mask = 0x007fffff;

  const bool denormal = x < smallest_normal;
  const std::int32_t bits = float_bits(denormal ? x * two_to_23 : x);
  // x = 2^exponent * (1 + z) with 1 + z from sqrt(1/2) to sqrt(2).
  // Unsigned, where the sign bit of -0 may overflow.
  const auto offset = static_cast<std::int32_t>(static_cast<std::uint32_t>(bits) -
                                                static_cast<std::uint32_t>(sqrt_half_bits));
  const float z = float_from_bits((offset & mantissa_mask) + sqrt_half_bits) - 1.0f;
  const float exponent = static_cast<float>((offset >> 23) - (denormal ? 23 : 0));
  // log(1 + z) = z - z^2 / 2 + z^3 p(z), p of minimal relative error.
  float p = -0.0763449296f;
  p = p * z + 0.127615750f;
  p = p * z - 0.131601825f;
  p = p * z + 0.142017588f;
  p = p * z - 0.166233569f;
  p = p * z + 0.200012267f;
  p = p * z - 0.250008196f;
  p = p * z + 0.333333313f;
  const float z2 = z * z;
  const float tail = exponent * ln2_low + (p * z * z2 - 0.5f * z2);
  return exponent * ln2_high + (z + tail);
}

}  // namespace tsnekit::TSNEKIT_ISA
