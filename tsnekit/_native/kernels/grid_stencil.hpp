// The nodes that a point touches, and their weights.
#pragma once

#include <type_traits>

#include "kernels/grid.hpp"

namespace tsnekit::TSNEKIT_ISA {

// Vectors of weights are padded with zeros to a whole number of SSE registers.
constexpr int padded_width(int width) { return (width + 3) / 4 * 4; }

// Coefficients of the weights, padded, and at a compile-time size so that loops unroll.
template <int P>
struct Basis {
  static constexpr int lanes = padded_width(P);
  alignas(64) float weight[P][lanes] = {};
  alignas(64) float slope[P][lanes] = {};

  explicit Basis(const Grid& grid) {
    for (int j = 0; j < P; ++j) {
      for (int k = 0; k < P; ++k) {
        weight[j][k] = grid.weight[j * P + k];
        if (j < P - 1) slope[j][k] = grid.slope[j * P + k];
      }
    }
  }

  void weights(float s, float* w) const { evaluate<P>(weight, s, w); }
  void slopes(float s, float* w) const { evaluate<(P > 1 ? P - 1 : 1)>(slope, s, w); }

 private:
  template <int Terms>
  static void evaluate(const float (&table)[P][lanes], float s, float* w) {
    for (int k = 0; k < lanes; ++k) w[k] = table[Terms - 1][k];
    for (int j = Terms - 2; j >= 0; --j) {
      for (int k = 0; k < lanes; ++k) w[k] = w[k] * s + table[j][k];
    }
  }
};

// Finds the cell of a coordinate; `s` becomes the offset from its centre. Positions outside the
// grid, and NaN, are put into the nearest cell: whatever comes out, memory is safe.
inline index_t find_cell(const Grid& grid, int axis, float y, float* s) {
  const float last = static_cast<float>(grid.cells[axis] - 1);
  const float v = (y - grid.corner[axis]) * grid.inverse_cell + grid.shift;
  const float bounded = v > 0.0f ? (v < last ? v : last) : 0.0f;
  const index_t cell = static_cast<std::int32_t>(bounded);
  *s = (v - static_cast<float>(cell)) - 0.5f;
  return cell;
}

// Offset of the first node of a point's stencil, with the offset from the cell's centre per axis.
template <int D>
index_t find_stencil(const Grid& grid, const float* y, float* s) {
  index_t offset = 0;
  for (int c = 0; c < D; ++c) offset += find_cell(grid, c, y[c], s + c) * grid.stride[c];
  return offset * grid.step;
}

// Calls body(a, b, offset) for the runs of nodes along the last axis that make up a stencil; a and
// b are the indices along the axes before it, 0 where there is no such axis.
template <int D, int P, class Body>
void for_stencil(const Grid& grid, Body&& body) {
  constexpr int na = D > 1 ? P : 1;
  constexpr int nb = D > 2 ? P : 1;
  for (int a = 0; a < na; ++a) {
    for (int b = 0; b < nb; ++b) {
      index_t offset = 0;
      if constexpr (D > 1) offset += a * grid.stride[0];
      if constexpr (D > 2) offset += b * grid.stride[1];
      body(a, b, offset);
    }
  }
}

// Calls body(integral_constant D, integral_constant P).
template <class Body>
auto with_stencil(const Grid& grid, Body&& body) {
  const auto with_width = [&](auto d) {
    switch (grid.width) {
      case 1: return body(d, std::integral_constant<int, 1>{});
      case 2: return body(d, std::integral_constant<int, 2>{});
      case 3: return body(d, std::integral_constant<int, 3>{});
      case 4: return body(d, std::integral_constant<int, 4>{});
      case 5: return body(d, std::integral_constant<int, 5>{});
      case 6: return body(d, std::integral_constant<int, 6>{});
      case 7: return body(d, std::integral_constant<int, 7>{});
      case 8: return body(d, std::integral_constant<int, 8>{});
      case 9: return body(d, std::integral_constant<int, 9>{});
      default: return body(d, std::integral_constant<int, max_grid_width>{});
    }
  };
  switch (grid.d) {
    case 1: return with_width(std::integral_constant<int, 1>{});
    case 2: return with_width(std::integral_constant<int, 2>{});
    default: return with_width(std::integral_constant<int, 3>{});
  }
}

}  // namespace tsnekit::TSNEKIT_ISA
