// The nodes that a point touches, and their weights.
#pragma once

#include <type_traits>

#include "dimensions.hpp"
#include "kernels/grid/grid.hpp"
#include "kernels/simd/quad.hpp"

namespace tsnekit::TSNEKIT_ISA {

// Weights are padded with zeros to whole quads.
constexpr int quads_of(int width) { return (width + 3) / 4; }

// The polynomials of the weights, with a size known at compile time, so that loops unroll.
template <int P>
class Basis {
 public:
  using Weights = Quads<quads_of(P)>;

  explicit Basis(const Grid& grid) {
    float row[4 * quads_of(P)] = {};
    for (int j = 0; j < P; ++j) {
      std::copy(grid.weight + j * P, grid.weight + (j + 1) * P, row);
      weight_[j] = Weights::load(row);
    }
  }

  Weights weights(float s) const {
    Weights w = weight_[P - 1];
    for (int j = P - 2; j >= 0; --j) {
      w = w * s;
      w += weight_[j];
    }
    return w;
  }

 private:
  Weights weight_[P];
};

// Finds the cell of a coordinate. `s` becomes the offset from its centre. Positions outside the
// grid, and NaN, are put into the nearest cell. The result is then not right, but no access leaves
// the arrays.
inline std::int32_t find_cell(const Grid& grid, int axis, float y, float* s) {
  const float last = static_cast<float>(grid.cells[axis] - 1);
  const float v = (y - grid.corner[axis]) * grid.inverse_cell + grid.shift;
  const float positive = v > 0.0f ? v : 0.0f;
  const float bounded = positive < last ? positive : last;
  const auto cell = static_cast<std::int32_t>(bounded);
  *s = (v - static_cast<float>(cell)) - 0.5f;
  return cell;
}

// The places of the stencils of some points, found for many points at a time.
template <int D>
struct Placement {
  static constexpr int size = 64;
  float s[D][size];       // offsets from the cells' centres
  index_t offset[size];   // of the stencils' first nodes

  void place(const Grid& grid, int count, const float* y) {
    std::int32_t cell[D][size];
    for (int c = 0; c < D; ++c) {
#pragma omp simd
      for (int i = 0; i < count; ++i) cell[c][i] = find_cell(grid, c, y[i * D + c], &s[c][i]);
    }
    for (int i = 0; i < count; ++i) {
      index_t sum = 0;
      for (int c = 0; c < D; ++c) sum += cell[c][i] * grid.stride[c];
      offset[i] = sum * grid.step;
    }
  }
};

// Calls body(a, b, offset) for the runs of nodes along the last axis that make up a stencil. a and
// b are the indices along the axes before the last one, or 0 for an axis that does not exist.
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

// The weights of one point.
template <int D, int P>
struct Stencil {
  static constexpr int lanes = 4 * quads_of(P);
  typename Basis<P>::Weights last;           // along the last axis
  alignas(16) float leading[D][lanes];       // along those before it

  Stencil(const Basis<P>& basis, const Placement<D>& at, int i) {
    for (int c = 0; c < D - 1; ++c) basis.weights(at.s[c][i]).store(leading[c]);
    last = basis.weights(at.s[D - 1][i]);
  }

  // Product of the weights along the leading axes.
  float factor(int a, int b) const {
    float product = 1.0f;
    if constexpr (D > 1) product *= leading[0][a];
    if constexpr (D > 2) product *= leading[1][b];
    return product;
  }
};

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
      default: return body(d, std::integral_constant<int, max_grid_width>{});
    }
  };
  return with_small_dimension(grid.d, with_width);
}

}  // namespace tsnekit::TSNEKIT_ISA
