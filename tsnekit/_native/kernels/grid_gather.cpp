#include "kernels/grid_stencil.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_points = 1024;

// What is gathered for some points: component m of point i at [m][i].
template <int D>
struct Gathered {
  static constexpr int size = Placement<D>::size;
  float value[D + 1][size];
  float product[D + 1][size][4];  // that sum up to it

  void add_up(int count) {
    for (int m = 0; m <= D; ++m) {
      for (int i = 0; i < count; ++i) {
        const float* p = product[m][i];
        value[m][i] = (p[0] + p[1]) + (p[2] + p[3]);
      }
    }
  }
};

// The potential, and its gradient in the units of the weights' slopes.
template <int D, int P>
void gather_gradients(const Grid& grid, const Basis<P>& basis, const Placement<D>& at, int count,
                      const float* field, Gathered<D>& result) {
  using Weights = typename Basis<P>::Weights;
  for (int i = 0; i < count; ++i) {
    const Stencil<D, P> w(at.s, i, [&](float s) { return basis.weights(s); });
    const Stencil<D, P> dw(at.s, i, [&](float s) { return basis.slopes(s); });
    // Sums over the leading axes: plain, and with the slope along each of them.
    Weights sum[D];
    for_stencil<D, P>(grid, [&](int a, int b, index_t offset) {
      const Weights nodes = Weights::load(field + at.offset[i] + offset);
      sum[0] += nodes * w.factor(a, b);
      if constexpr (D == 2) sum[1] += nodes * dw.leading[0][a];
      if constexpr (D == 3) {
        sum[1] += nodes * (dw.leading[0][a] * w.leading[1][b]);
        sum[2] += nodes * (w.leading[0][a] * dw.leading[1][b]);
      }
    });
    for (int c = 0; c < D; ++c) store_quad(result.product[c][i], partial_dot(w.last, sum[c]));
    store_quad(result.product[D][i], partial_dot(dw.last, sum[0]));
  }
  result.add_up(count);
}

// The potential and the components of the force, each a field of its own.
template <int D, int P>
void gather_fields(const Grid& grid, const Basis<P>& basis, const Placement<D>& at, int count,
                   const float* field, index_t field_stride, Gathered<D>& result) {
  using Weights = typename Basis<P>::Weights;
  for (int i = 0; i < count; ++i) {
    const Stencil<D, P> w(at.s, i, [&](float s) { return basis.weights(s); });
    Weights sum[D + 1];
    for_stencil<D, P>(grid, [&](int a, int b, index_t offset) {
      const float factor = w.factor(a, b);
      for (int m = 0; m <= D; ++m) {
        sum[m] += Weights::load(field + m * field_stride + at.offset[i] + offset) * factor;
      }
    });
    for (int m = 0; m <= D; ++m) store_quad(result.product[m][i], partial_dot(w.last, sum[m]));
  }
  result.add_up(count);
}

// Takes off the field of each point's own charge, a polynomial of the squares q of its offsets, and
// half its derivative where the gradient of the potential was gathered.
template <int D, int P, bool Gradient>
void subtract_own(const float* own, const Placement<D>& at, int count, Gathered<D>& result) {
  constexpr int na = D > 2 ? P : 1;
  constexpr int nb = D > 1 ? P : 1;
#pragma omp simd
  for (int i = 0; i < count; ++i) {
    const float q0 = D > 2 ? at.s[0][i] * at.s[0][i] : 0.0f;
    const float q1 = D > 1 ? at.s[D > 1 ? D - 2 : 0][i] * at.s[D > 1 ? D - 2 : 0][i] : 0.0f;
    const float q2 = at.s[D - 1][i] * at.s[D - 1][i];
    float v = 0.0f, v0 = 0.0f, v1 = 0.0f, v2 = 0.0f;  // value and derivatives by q
    for (int a = na - 1; a >= 0; --a) {
      float u = 0.0f, u1 = 0.0f, u2 = 0.0f;
      for (int b = nb - 1; b >= 0; --b) {
        const float* c = own + (a * nb + b) * P;
        float t = c[P - 1], t2 = 0.0f;
        for (int k = P - 2; k >= 0; --k) {
          if (Gradient) t2 = t2 * q2 + t;
          t = t * q2 + c[k];
        }
        if (Gradient) u1 = u1 * q1 + u;
        if (Gradient) u2 = u2 * q1 + t2;
        u = u * q1 + t;
      }
      if (Gradient) v0 = v0 * q0 + v;
      if (Gradient) v1 = v1 * q0 + u1;
      if (Gradient) v2 = v2 * q0 + u2;
      v = v * q0 + u;
    }
    result.value[0][i] -= v;
    if (Gradient) {
      if (D > 2) result.value[1][i] -= v0 * at.s[0][i];
      if (D > 1) result.value[D > 1 ? D - 1 : 0][i] -= v1 * at.s[D > 1 ? D - 2 : 0][i];
      result.value[D][i] -= v2 * at.s[D - 1][i];
    }
  }
}

// Gathers with gather_some(placement, count, gathered) and turns the result into forces and Z.
template <int D, int P, bool Gradient, class GatherSome>
double gather(const Grid& grid, index_t n, const float* y, double force_scale,
              const Potential& potential, float* out, double* row_z, int threads,
              GatherSome&& gather_some) {
  const float factor = static_cast<float>(force_scale);
  const double total = sum_blocks(n, block_points, threads, [&](index_t begin, index_t end) {
    double sum = 0.0;
    Placement<D> at;
    Gathered<D> result;
    for (index_t first = begin; first < end; first += at.size) {
      const int count = static_cast<int>(std::min<index_t>(at.size, end - first));
      at.place(grid, count, y + first * D);
      gather_some(at, count, result);
      if (potential.own != nullptr) {
        subtract_own<D, P, Gradient>(potential.own, at, count, result);
      }
      float* to = out + first * D;
      for (int i = 0; i < count; ++i) {
        for (int c = 0; c < D; ++c) to[i * D + c] = factor * result.value[1 + c][i];
      }
      for (int i = 0; i < count; ++i) sum += result.value[0][i];
      if (row_z != nullptr) {
        for (int i = 0; i < count; ++i) {
          row_z[first + i] = potential.scale * result.value[0][i] + potential.constant;
        }
      }
    }
    return sum;
  });
  return potential.scale * total + potential.constant * static_cast<double>(n);
}

}  // namespace

double gather_gradient(const Grid& grid, index_t n, const float* y, const float* field,
                       const Potential& potential, float* out, double* row_z, int threads) {
  return with_stencil(grid, [&](auto dimension, auto width) {
    constexpr int D = decltype(dimension)::value;
    constexpr int P = decltype(width)::value;
    const Basis<P> basis(grid);
    const double force_scale = -0.5 * potential.scale * grid.inverse_cell;
    return gather<D, P, true>(
        grid, n, y, force_scale, potential, out, row_z, threads,
        [&](const Placement<D>& at, int count, Gathered<D>& result) {
          gather_gradients<D, P>(grid, basis, at, count, field, result);
        });
  });
}

double gather_components(const Grid& grid, index_t n, const float* y, const float* field,
                         index_t field_stride, const Potential& potential, float* out,
                         double* row_z, int threads) {
  return with_stencil(grid, [&](auto dimension, auto width) {
    constexpr int D = decltype(dimension)::value;
    constexpr int P = decltype(width)::value;
    const Basis<P> basis(grid);
    return gather<D, P, false>(
        grid, n, y, 1.0, potential, out, row_z, threads,
        [&](const Placement<D>& at, int count, Gathered<D>& result) {
          gather_fields<D, P>(grid, basis, at, count, field, field_stride, result);
        });
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
