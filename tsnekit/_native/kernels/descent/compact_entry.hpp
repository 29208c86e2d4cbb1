// An entry of affinities in 5 bytes: a column below 2^24, and a value in 16 bits.
//
// The value is the upper half of a float without its sign: 8 bits of exponent and 8 of mantissa. It
// is rounded, with an error of at most 2^-9 of the value or, below the normal numbers, of 2^-134. A
// value that is not 0 does not become 0. The exponent is the upper byte of a 32-bit word, above the
// column. The mantissa is a byte of its own. Two operations on the word thus give the column and
// most of the value.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/simd/floats.hpp"

namespace tsnekit::TSNEKIT_ISA {

constexpr std::uint32_t column_bits = 0xffffff;

// The value is finite and not negative.
inline void compact_entry(std::int32_t column, float value, std::uint32_t& word, std::uint8_t& tail) {
  const std::uint32_t bits = static_cast<std::uint32_t>(float_bits(value)) & 0x7fffffff;
  // Values that rounding would make infinite stay at the largest number.
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
