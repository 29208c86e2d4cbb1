// An entry of affinities in 5 bytes: a column below 2^24, and a value in 16 bits.
//
// The value is the upper half of a float without its sign: 8 bits of exponent and 8 of mantissa. It
// is rounded, to within 2^-9 of itself or, below the normal numbers, 2^-134; what is not 0 stays
// so. The exponent is the upper byte of a 32-bit word, above the column, and the mantissa is a byte
// of its own, so that two operations on the word give the column and most of the value.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/simd/floats.hpp"

namespace tsnekit::TSNEKIT_ISA {

constexpr std::uint32_t column_bits = 0xffffff;

// The value is finite and not negative.
inline void compact_entry(std::int32_t column, float value, std::uint32_t& word, std::uint8_t& tail) {
  const std::uint32_t bits = static_cast<std::uint32_t>(float_bits(value)) & 0x7fffffff;
  // What would be rounded to infinity stays at the largest number.
  std::uint32_t code = std::min<std::uint32_t>((bits + (1u << 14)) >> 15, 0xfeff);
  if (code == 0 && bits != 0) code = 1;
  word = static_cast<std::uint32_t>(column) | code >> 8 << 24;
  tail = static_cast<std::uint8_t>(code);
}

inline std::int32_t compact_column(std::uint32_t word) {
  return static_cast<std::int32_t>(word & column_bits);
}

inline float compact_value(std::uint32_t word, std::uint8_t tail) {
  const std::uint32_t bits = (word & ~column_bits) >> 1 | static_cast<std::uint32_t>(tail) << 15;
  return float_from_bits(static_cast<std::int32_t>(bits));
}

}  // namespace tsnekit::TSNEKIT_ISA
