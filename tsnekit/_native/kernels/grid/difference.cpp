#include <array>

#include "kernels/grid/grid.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

using Taps = std::array<float, difference_taps>;

// Differences of one row of nodes. `step` is the distance between nodes along the axis.
void difference_row(const Taps& tap, index_t n, index_t step, const float* from, float* to) {
#pragma omp simd
  for (index_t k = 0; k < n; ++k) {
    float sum = 0.0f;
    for (int t = 1; t <= difference_taps; ++t) {
      sum += tap[t - 1] * (from[k + t * step] - from[k - t * step]);
    }
    to[k] = sum;
  }
}

}  // namespace

void difference_fields(const Grid& grid, const index_t* nodes, const float* tap,
                       index_t field_stride, float* field, int threads) {
  const int d = grid.d;
  Taps taps;
  std::copy(tap, tap + difference_taps, taps.begin());
  // Rows run along the last axis. An axis that the grid does not have counts as one node.
  const index_t middle = d > 2 ? nodes[1] : 1;
  const index_t rows = (d > 1 ? nodes[0] : 1) * middle;
  const index_t row_stride = d > 1 ? grid.stride[d - 2] : 0;
  const auto near_border = [](index_t i, index_t n) {
    return i < difference_taps || i >= n - difference_taps;
  };
  for_blocks(rows, 16, threads, [&](index_t, index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row) {
      if (d > 1 && near_border(row / middle, nodes[0])) continue;
      if (d > 2 && near_border(row % middle, middle)) continue;
      const float* from = field + row * row_stride + difference_taps;
      const index_t n = nodes[d - 1] - 2 * difference_taps;
      for (int c = 0; c < d; ++c) {
        float* to = field + (1 + c) * field_stride + row * row_stride + difference_taps;
        difference_row(taps, n, grid.stride[c], from, to);
      }
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
