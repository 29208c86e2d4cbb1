// The order of points along a Morton curve. Cells of a grid that are near each other get numbers
// that are near each other.
//
// Include this from kernels only; it lives in the namespace of the instruction set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "parallel.hpp"

namespace tsnekit::TSNEKIT_ISA {

// The bits of x, with D - 1 zeros between neighboring bits. x has at most 32 / D bits.
template <int D>
std::uint32_t spread_bits(std::uint32_t x) {
  if constexpr (D == 2) {
    x = (x | (x << 8)) & 0x00ff00ffu;
    x = (x | (x << 4)) & 0x0f0f0f0fu;
    x = (x | (x << 2)) & 0x33333333u;
    x = (x | (x << 1)) & 0x55555555u;
  } else if constexpr (D == 3) {
    x = (x | (x << 16)) & 0x030000ffu;
    x = (x | (x << 8)) & 0x0300f00fu;
    x = (x | (x << 4)) & 0x030c30c3u;
    x = (x | (x << 2)) & 0x09249249u;
  }
  return x;
}

// Numbers the cells of a square grid over a box. D is 1, 2 or 3, or 0 for any number of axes. Only
// the first 32 axes count.
template <int D>
class MortonGrid {
 public:
  // The codes have up to `bits` bits, at most 32.
  MortonGrid(const float* lower, const float* upper, int bits, int axes = D)
      : lower_(lower), axes_(std::min(axes, 32)), bits_(std::min(30, bits / axes_)) {
    double side = 0.0;
    for (int c = 0; c < axes_; ++c) {
      side = std::max(side, static_cast<double>(upper[c]) - lower[c]);
    }
    const double cells = static_cast<double>(1 << bits_);
    last_cell_ = cells - 1.0;
    cells_per_unit_ = side > 0.0 ? cells / side : 0.0;
  }

  // The code of the cell that holds a point, or of the nearest cell. NaN counts as the lower end.
  template <class Coordinate>
  std::uint32_t operator()(Coordinate&& coordinate) const {
    std::uint32_t code = 0;
    for (int c = 0; c < (D ? D : axes_); ++c) {
      const double position = (static_cast<double>(coordinate(c)) - lower_[c]) * cells_per_unit_;
      const double bounded = position > 0.0 ? std::min(position, last_cell_) : 0.0;
      const auto cell = static_cast<std::uint32_t>(static_cast<std::int32_t>(bounded));
      if constexpr (D > 0) {
        code |= spread_bits<D>(cell) << c;
      } else {
        for (int b = 0; b < bits_; ++b) code |= ((cell >> b) & 1u) << (b * axes_ + c);
      }
    }
    return code;
  }

 private:
  const float* lower_;
  int axes_, bits_;
  double last_cell_, cells_per_unit_;
};

// A point's code, and below it the point's number, which orders points of equal code.
inline std::uint64_t morton_key(std::uint32_t code, index_t point) {
  return std::uint64_t{code} << 32 | static_cast<std::uint64_t>(point);
}
inline std::uint32_t code_of(std::uint64_t key) { return static_cast<std::uint32_t>(key >> 32); }
inline std::int32_t point_of(std::uint64_t key) {
  return static_cast<std::int32_t>(key & 0xffffffffu);
}

constexpr index_t sort_block = 16384;
constexpr int digit_bits = 11;

// Sorts the first n keys by the lower `bits` bits of their codes. Equal codes keep their order.
// `other` has as many places. `count` is working space that only grows.
inline void radix_sort(std::vector<std::uint64_t>& key, std::vector<std::uint64_t>& other,
                       std::vector<index_t>& count, index_t n, int bits, int threads) {
  constexpr int radix = 1 << digit_bits;
  const index_t blocks = (n + sort_block - 1) / sort_block;
  if (static_cast<index_t>(count.size()) < blocks * radix) count.resize(blocks * radix);
  for (int shift = 32; shift < 32 + bits; shift += digit_bits) {
    const auto digit = [shift](std::uint64_t each) { return (each >> shift) & (radix - 1); };
    const std::uint64_t* const from = key.data();
    std::uint64_t* const to = other.data();
    for_blocks(n, sort_block, threads, [&](index_t b, index_t begin, index_t end) {
      index_t* const found = count.data() + b * radix;
      std::fill(found, found + radix, 0);
      for (index_t i = begin; i < end; ++i) ++found[digit(from[i])];
    });
    index_t next = 0;
    for (int value = 0; value < radix; ++value) {
      for (index_t b = 0; b < blocks; ++b) {
        const index_t found = count[b * radix + value];
        count[b * radix + value] = next;
        next += found;
      }
    }
    for_blocks(n, sort_block, threads, [&](index_t b, index_t begin, index_t end) {
      index_t* const place = count.data() + b * radix;
      for (index_t i = begin; i < end; ++i) to[place[digit(from[i])]++] = from[i];
    });
    key.swap(other);
  }
}

}  // namespace tsnekit::TSNEKIT_ISA
