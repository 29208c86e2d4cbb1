#include "kernels/grid/stencil.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_points = 1024;

// What is gathered for some points. Field m of point i is at [m][i].
template <int D>
struct Gathered {
  static constexpr int size = Placement<D>::size;
  float value[D + 1][size];
  float part[D + 1][size][4];  // four parts, whose sum is the value
};

template <int D, int P>
void gather_some(const Grid& grid, const Basis<P>& basis, const Placement<D>& at, int count,
                 const float* field, index_t field_stride, Gathered<D>& result) {
  using Weights = typename Basis<P>::Weights;
  for (int i = 0; i < count; ++i) {
    const Stencil<D, P> w(basis, at, i);
    Weights sum[D + 1];
    for_stencil<D, P>(grid, [&](int a, int b, index_t offset) {
      const float factor = w.factor(a, b);
      for (int m = 0; m <= D; ++m) {
        sum[m] += Weights::load(field + m * field_stride + at.offset[i] + offset) * factor;
      }
    });
    for (int m = 0; m <= D; ++m) store_quad(result.part[m][i], partial_dot(w.last, sum[m]));
  }
  for (int m = 0; m <= D; ++m) {
    for (int i = 0; i < count; ++i) {
      const float* p = result.part[m][i];
      result.value[m][i] = (p[0] + p[1]) + (p[2] + p[3]);
    }
  }
}

// Subtracts the potential of each point's own charge, a polynomial of its squared offsets.
template <int D, int P>
void subtract_own(const float* own, const Placement<D>& at, int count, float* potential) {
  constexpr int na = D > 2 ? P : 1;
  constexpr int nb = D > 1 ? P : 1;
#pragma omp simd
  for (int i = 0; i < count; ++i) {
    const float s0 = D > 2 ? at.s[0][i] : 0.0f;
    const float s1 = D > 1 ? at.s[D > 1 ? D - 2 : 0][i] : 0.0f;
    const float s2 = at.s[D - 1][i];
    float v = 0.0f;
    for (int a = na - 1; a >= 0; --a) {
      float u = 0.0f;
      for (int b = nb - 1; b >= 0; --b) {
        const float* c = own + (a * nb + b) * P;
        float t = c[P - 1];
        for (int k = P - 2; k >= 0; --k) t = t * (s2 * s2) + c[k];
        u = u * (s1 * s1) + t;
      }
      v = v * (s0 * s0) + u;
    }
    potential[i] -= v;
  }
}

}  // namespace

double gather_fields(const Grid& grid, index_t n, const float* y, const float* field,
                     index_t field_stride, const Normalization& normalization, float* out,
                     double* row_z, int threads) {
  return with_stencil(grid, [&](auto dimension, auto width) {
    constexpr int D = decltype(dimension)::value;
    constexpr int P = decltype(width)::value;
    const Basis<P> basis(grid);
    const double total = sum_blocks(n, block_points, threads, [&](index_t begin, index_t end) {
      double sum = 0.0;
      Placement<D> at;
      Gathered<D> result;
      for (index_t first = begin; first < end; first += at.size) {
        const int count = static_cast<int>(std::min<index_t>(at.size, end - first));
        at.place(grid, count, y + first * D);
        gather_some<D, P>(grid, basis, at, count, field, field_stride, result);
        if (normalization.own != nullptr) {
          subtract_own<D, P>(normalization.own, at, count, result.value[0]);
        }
        float* to = out + first * D;
        for (int i = 0; i < count; ++i) {
          for (int c = 0; c < D; ++c) to[i * D + c] = result.value[1 + c][i];
        }
        for (int i = 0; i < count; ++i) sum += result.value[0][i];
        if (row_z != nullptr) {
          for (int i = 0; i < count; ++i) {
            row_z[first + i] =
                normalization.scale * result.value[0][i] + normalization.constant;
          }
        }
      }
      return sum;
    });
    return normalization.scale * total + normalization.constant * static_cast<double>(n);
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
