// Sorts many short rows at once, with vectors.
//
// Include this from kernels only; it lives in the namespace of the instruction set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "parallel.hpp"

namespace tsnekit::TSNEKIT_ISA {

// Sorts rows of k columns and values by column, as many rows at a time as there are lanes. Every
// exchange of Batcher's odd-even merge sort then works on vectors, without a branch.
class RowSorter {
 public:
  static constexpr int lanes = 16;
  // This entry follows the last column of each sorted row. It is above every column.
  static constexpr std::int32_t end = std::numeric_limits<std::int32_t>::max();

  RowSorter(const std::int32_t* column, const float* value, int k)
      : column_(column),
        value_(value),
        k_(k),
        columns_((static_cast<std::size_t>(k) + 1) * lanes, end),
        values_(columns_.size(), 0.0f) {}

  // Loads and sorts rows first to last, at most `lanes`, into the lanes from 0 on.
  void sort(index_t first, index_t last) {
    const int rows = static_cast<int>(last - first);
    for (int r = 0; r < rows; ++r) {
      const std::int32_t* column = column_ + (first + r) * k_;
      const float* value = value_ + (first + r) * k_;
      for (int j = 0; j < k_; ++j) {
        columns_[static_cast<std::size_t>(j * lanes + r)] = column[j];
        values_[static_cast<std::size_t>(j * lanes + r)] = value[j];
      }
    }
    for (int p = 1; p < k_; p *= 2) {
      for (int step = p; step >= 1; step /= 2) {
        for (int begin = step % p; begin + step < k_; begin += 2 * step) {
          const int stop = std::min(begin + step, k_ - step);
          for (int i = begin; i < stop; ++i) {
            // Exchanges stay within runs of 2 p entries.
            if ((i ^ (i + step)) < 2 * p) exchange(i, i + step);
          }
        }
      }
    }
  }

  // The sorted row of a lane: its entries are `lanes` apart, and `end` follows the last one.
  const std::int32_t* columns(int lane) const { return columns_.data() + lane; }
  const float* values(int lane) const { return values_.data() + lane; }

 private:
  void exchange(int i, int j) {
    std::int32_t* low = columns_.data() + static_cast<std::size_t>(i) * lanes;
    std::int32_t* high = columns_.data() + static_cast<std::size_t>(j) * lanes;
    float* low_value = values_.data() + static_cast<std::size_t>(i) * lanes;
    float* high_value = values_.data() + static_cast<std::size_t>(j) * lanes;
#pragma omp simd
    for (int r = 0; r < lanes; ++r) {
      const std::int32_t a = low[r], b = high[r];
      const float x = low_value[r], y = high_value[r];
      const bool ordered = a <= b;
      low[r] = ordered ? a : b;
      high[r] = ordered ? b : a;
      low_value[r] = ordered ? x : y;
      high_value[r] = ordered ? y : x;
    }
  }

  const std::int32_t* column_;
  const float* value_;
  int k_;
  std::vector<std::int32_t> columns_;
  std::vector<float> values_;
};

}  // namespace tsnekit::TSNEKIT_ISA
